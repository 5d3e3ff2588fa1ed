-- Clears counts and lock. An attempt on its way stays counted; the gate and the word on older challenges stay.
-- KEYS: state. ARGV: lease, keepInvalidated.

local now = clockMs()
local state = loadState(redis.call('GET', KEYS[1]), now)
local counter = state.holder and state.holder.counter
local countEnd = counter and state[counter .. 'End']
clearLock(state)
if countEnd then setCount(state, counter, 1, countEnd) end
saveState(state, now)
return 1
