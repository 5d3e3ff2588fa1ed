-- Takes an entry back: out of the queue, or out of the gate if it was handed over meanwhile. No grant was made, so the
-- attempt is given back and nothing follows it.
-- KEYS: state. ARGV: lease, keepInvalidated, id.

local id = ARGV[3]
local now = clockMs()
local state = loadState(redis.call('GET', KEYS[1]), now)
if state.holder and state.holder.id == id then
  giveBack(state)
  freeGate(state, now)
  saveState(state, now)
  return 1
end
local queue = waitersOf(state, now)
local place = queue.placeOf(id)
if place then
  queue.remove(place)
  saveState(state, now)
end
return 0
