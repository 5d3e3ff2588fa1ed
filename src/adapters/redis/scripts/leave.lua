-- Takes an entry back: out of the queue, or out of the gate if it was handed over meanwhile. No grant was made, so the
-- attempt is given back and nothing follows it.
-- KEYS: state, queue. ARGV: lease, keepInvalidated, id.

local id = ARGV[3]
local now = clockMs()
local state = loadState(now)
if state.holder == id then
  giveBack(state)
  freeGate(state)
  promote(state, now)
  saveState(state, now)
  return 1
end
local line = lineOf(id)
if line then redis.call('LREM', KEYS[2], 1, line) end
return 0
