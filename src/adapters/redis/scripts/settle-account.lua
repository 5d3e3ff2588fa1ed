-- Ends an attempt: its verdict goes into the counts, the gate to the next waiter. Of anyone but the holder it changes nothing.
-- KEYS: state, queue. ARGV: lease, keepInvalidated, id, result, maxAttempts, lockMs ("-" without a budget).

local id, result, maxAttempts, lockMs = ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local now = clockMs()
local state = loadState(now)
if state.holder ~= id then return { '0', whole(state.returns or 0) } end

local locked = false
local counter = state.reserved
if result == 'complete' then
  -- An entry without an attempt may complete while the account is locked: that is no login and clears nothing.
  if not state.lockedUntil then clearLock(state) end
  state.returns, state.returnsEnd = nil, nil
elseif result == 'returned' then
  giveBack(state)
  state.returns, state.returnsEnd = (state.returns or 0) + 1, now + returnsKeptMs
elseif counter and lockMs then
  -- At least this one counts, also when the count ran out while the attempt was on its way.
  setCount(state, counter, math.max(state[counter] or 0, 1), now + lockMs)
  if result == 'failed' and state[counter] >= maxAttempts then
    lockAccount(state, lockMs, now)
    locked = true
  end
end

freeGate(state)
state.endedAt = now
promote(state, now)
saveState(state, now)
return { locked and '1' or '0', whole(state.returns or 0) }
