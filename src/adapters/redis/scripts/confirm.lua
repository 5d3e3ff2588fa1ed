-- A waiter that was handed the gate writes its hold once more. The count was written by whoever handed it over: so what is
-- acknowledged of this write holds for the count as well.
-- KEYS: state. ARGV: lease, keepInvalidated, id.

local now = clockMs()
local state = loadState(redis.call('GET', KEYS[1]), now)
if not state.holder or state.holder.id ~= ARGV[3] then return { 'recheck' } end
changed = true
saveState(state, now)
return grantedAnswer(state.holder)
