-- Revokes the challenges that are open now: entries that rest on an older one are refused from here on.
-- KEYS: state. ARGV: lease, keepInvalidated.

local now = clockMs()
local state = loadState(redis.call('GET', KEYS[1]), now)
changed = true
state.invalidatedAt = now
saveState(state, now)
return 1
