-- Ends a flight. A value is kept for everyone who comes, and all waiters are told to come again; without one the next waiter
-- leads. Tells whether sessions of the user are being ended, whoever asks.
-- KEYS: state, queue, value, endings. ARGV: lease, keepInvalidated, id, and with a value: ttlMs, value.

local id, ttlMs, value = ARGV[3], ARGV[4], ARGV[5]
local now = clockMs()
local state = loadState(now)
if state.holder ~= id then return endingState(KEYS[4]) end

if value then
  redis.call('SET', KEYS[3], value, 'PX', ttlMs)
  for _, line in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do tell(parseWaiter(line), { 'recheck' }) end
  redis.call('DEL', KEYS[2])
end
freeGate(state)
state.endedAt = now
promote(state, now)
saveState(state, now)
return endingState(KEYS[4])
