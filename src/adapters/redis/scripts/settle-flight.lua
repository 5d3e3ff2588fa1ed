-- Ends a flight. A value is kept for everyone who comes, and all waiters are told to come again; without one the next waiter
-- leads. Tells whether sessions of the user are being ended, whoever asks.
-- KEYS: state, value, endings. ARGV: lease, keepInvalidated, id, and with a value: ttlMs, value.

local ttlMs, value = ARGV[4], ARGV[5]
local now = clockMs()
local state = loadState(redis.call('GET', KEYS[1]), now)
if not state.holder or state.holder.id ~= ARGV[3] then return endingState(KEYS[3], now) end

if value then
  redis.call('SET', KEYS[2], value, 'PX', ttlMs)
  if state.waiters then
    local queue = waitersOf(state, now)
    for _, waiter in ipairs(state.waiters) do queue.tell(waiter, { 'recheck' }) end
    state.waiters = nil
  end
end
freeGate(state, now, now)
saveState(state, now)
return endingState(KEYS[3], now)
