-- Revokes the challenges that are open now: entries that rest on an older one are refused from here on.
-- KEYS: state, queue. ARGV: lease, keepInvalidated.

local now = clockMs()
local state = loadState(now)
changed = true
state.invalidatedAt = now
saveState(state, now)
return 1
