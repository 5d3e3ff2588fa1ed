-- A waiter looks for itself, in case the word of its turn was lost or the holder is gone.
-- KEYS: state, queue. ARGV: lease, keepInvalidated, id.

local id = ARGV[3]
local now = clockMs()
local state = loadState(now)
reap(state, now)
saveState(state, now)
if state.holder == id then return grantedAnswer(state) end
if lineOf(id) then return { 'queued' } end
return { 'recheck' }
