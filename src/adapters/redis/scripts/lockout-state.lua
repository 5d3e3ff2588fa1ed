-- The lock and the counts, as they are now.
-- KEYS: state. ARGV: lease, keepInvalidated.

local now = clockMs()
local state = loadState(redis.call('GET', KEYS[1]), now)
local lockedUntil = state.lockedUntil or 0
return { lockedUntil, math.max(lockedUntil - now, 0), state.password or 0, state.mfa or 0 }
