-- A waiter looks for itself, in case the word of its turn was lost or the holder is gone.
-- KEYS: state. ARGV: lease, keepInvalidated, id.

local id = ARGV[3]
local now = clockMs()
local state = loadState(redis.call('GET', KEYS[1]), now)
waitersOf(state, now).reap()
saveState(state, now)
return standingOf(id, state, now) or { 'recheck' }
