-- A waiter that was handed the gate writes its hold once more. The count was written by whoever handed it over: so what is
-- acknowledged of this write holds for the count as well.
-- KEYS: state, queue. ARGV: lease, keepInvalidated, id.

local id = ARGV[3]
local state = loadState(clockMs())
if state.holder ~= id then return { 'recheck' } end
redis.call('HSET', KEYS[1], 'holder', id)
return grantedAnswer(state)
