-- A waiter looks for itself, in case the word of its turn was lost or the holder is gone.
-- KEYS: state. ARGV: lease, keepInvalidated, id.

local id = ARGV[3]
local now = clockMs()
local state = loadState(redis.call('GET', KEYS[1]), now)
local queue = waitersOf(state, now)
queue.reap()
saveState(state, now)
if state.holder and state.holder.id == id then return grantedAnswer(state.holder) end
if queue.placeOf(id) then return { 'queued' } end
return { 'recheck' }
