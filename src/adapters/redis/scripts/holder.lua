-- How a gate changes hands.

-- A write that comes first and frees something: from there on, a store that is out of memory lets the script finish.
local function freeFirst()
  changed = true
  redis.call('DEL', KEYS[1])
end

local function grantedAnswer(holder)
  return { 'granted', holder.follows and 1 or 0, holder.grantedAt }
end

-- Whether what an entry rests on was revoked. Nothing begins later than now, but what began before the clock was set back seems to.
local function isRevoked(state, since, now)
  return since and (since > now or state.invalidatedAt and state.invalidatedAt >= since)
end

-- Gives the free gate to a waiter and counts its attempt in the same step. An attempt without a verdict stays counted, so
-- the budget can be used up without a lock: then this is the moment that locks.
local function admit(state, waiter, now)
  local counter = waiter.counter
  if counter then
    if not state.lockedUntil and (state[counter] or 0) >= waiter.maxAttempts then lockAccount(state, waiter.lockMs, now) end
    if state.lockedUntil then return { 'locked', state.lockedUntil - now } end
  end
  if isRevoked(state, waiter.since, now) then return { 'invalidated' } end
  changed = true
  local holder = { id = waiter.id, leaseEnd = now + leaseMs, grantedAt = now, follows = state.endedAt and true or nil }
  if counter then
    holder.counter, holder.formerEnd = counter, state[counter .. 'End']
    setCount(state, counter, (state[counter] or 0) + 1, now + waiter.lockMs)
  end
  state.holder = holder
  return grantedAnswer(holder)
end
