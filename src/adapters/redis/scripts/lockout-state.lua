-- The lock and the counts, as they are now.
-- KEYS: state, queue. ARGV: lease, keepInvalidated.

local now = clockMs()
local state = loadState(now)
local lockedUntil = state.lockedUntil or 0
return {
  whole(lockedUntil), whole(math.max(lockedUntil - now, 0)), whole(state.password or 0), whole(state.mfa or 0)
}
