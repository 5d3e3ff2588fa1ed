-- Ends an attempt: its verdict goes into the counts, the gate to the next waiter. Of anyone but the holder it changes nothing.
-- KEYS: state. ARGV: lease, keepInvalidated, id, result, maxAttempts, lockMs ("-" without a budget).

local result, maxAttempts, lockMs = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local now = clockMs()
local state = loadState(redis.call('GET', KEYS[1]), now)
local holder = state.holder
if not holder or holder.id ~= ARGV[3] then return { state.lockedBy == ARGV[3] and 1 or 0, state.returns or 0 } end

local locked = false
if result == 'complete' then
  -- An entry without an attempt may complete while the account is locked: that is no login and clears nothing.
  if not state.lockedUntil then clearLock(state) end
  state.returns, state.returnsEnd = nil, nil
elseif result == 'returned' then
  local returnsKeptMs = 3600000
  giveBack(state)
  state.returns, state.returnsEnd = (state.returns or 0) + 1, now + returnsKeptMs
elseif holder.counter and lockMs then
  -- At least this one counts, also when the count ran out while the attempt was on its way.
  setCount(state, holder.counter, math.max(state[holder.counter] or 0, 1), now + lockMs)
  if result == 'failed' and state[holder.counter] >= maxAttempts then
    lockAccount(state, lockMs, now, holder.id)
    locked = true
  end
end

freeGate(state, now, now)
saveState(state, now)
return { locked and 1 or 0, state.returns or 0 }
