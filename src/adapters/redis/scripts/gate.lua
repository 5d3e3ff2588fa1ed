-- The gate of an account or of a flight: one holder with a lease, waiters first come first served, and for an account the
-- counts of attempts and the lock. Every script that touches a gate starts with this file.
--
-- KEYS[1] state hash, KEYS[2] queue list. ARGV[1] lease, ARGV[2] how long a lock's effect on challenges is kept; both ms.
--
-- A waiter in the queue is one line: id, channel, deadline, counter, maxAttempts, lockMs, since; "-" for what is absent.

local followsWithinMs = 2000
local returnsKeptMs = 3600000
local graceMs = 5000

local fields = {
  'holder', 'leaseEnd', 'reserved', 'formerEnd', 'follows', 'grantedAt', 'endedAt',
  'password', 'passwordEnd', 'mfa', 'mfaEnd', 'lockedUntil', 'invalidatedAt', 'returns', 'returnsEnd'
}
local strings = { holder = true, reserved = true }

local leaseMs = tonumber(ARGV[1])
local keepInvalidatedMs = tonumber(ARGV[2])
local changed = false
local stored = {}

local function setCount(state, counter, count, countEnd)
  changed = true
  state[counter] = count > 0 and count or nil
  state[counter .. 'End'] = count > 0 and countEnd or nil
end

local function clearLock(state)
  setCount(state, 'password', 0)
  setCount(state, 'mfa', 0)
  state.lockedUntil = nil
end

-- Reads the state and drops what has run out.
local function loadState(now)
  local state = {}
  for index, value in ipairs(redis.call('HMGET', KEYS[1], unpack(fields))) do
    local field = fields[index]
    if value then
      state[field] = strings[field] and value or tonumber(value)
      stored[#stored + 1] = field
    end
  end
  for _, counter in ipairs({ 'password', 'mfa' }) do
    if state[counter] and state[counter .. 'End'] <= now then setCount(state, counter, 0) end
  end
  if state.lockedUntil and state.lockedUntil <= now then clearLock(state) end
  if state.returns and state.returnsEnd <= now then state.returns, state.returnsEnd = nil, nil end
  if state.endedAt and state.endedAt + followsWithinMs < now then state.endedAt = nil end
  if state.invalidatedAt and state.invalidatedAt + keepInvalidatedMs < now then state.invalidatedAt = nil end
  return state
end

-- Writes the state if it changed. It lives as long as its longest part.
local function saveState(state, now)
  if not changed then return end
  local keepUntil = now
  for _, time in ipairs({
    state.holder and state.leaseEnd + graceMs or 0,
    state.endedAt and state.endedAt + followsWithinMs or 0,
    state.invalidatedAt and state.invalidatedAt + keepInvalidatedMs or 0,
    state.passwordEnd or 0, state.mfaEnd or 0, state.lockedUntil or 0, state.returnsEnd or 0
  }) do
    keepUntil = math.max(keepUntil, time)
  end
  if keepUntil <= now then
    redis.call('DEL', KEYS[1])
    return
  end
  local toSet, toDelete = {}, {}
  for _, field in ipairs(fields) do
    if state[field] then
      toSet[#toSet + 1] = field
      toSet[#toSet + 1] = strings[field] and state[field] or whole(state[field])
    end
  end
  for _, field in ipairs(stored) do
    if not state[field] then toDelete[#toDelete + 1] = field end
  end
  redis.call('HSET', KEYS[1], unpack(toSet))
  if #toDelete > 0 then redis.call('HDEL', KEYS[1], unpack(toDelete)) end
  redis.call('PEXPIRE', KEYS[1], whole(keepUntil - now))
end

local function lockAccount(state, lockMs, now)
  changed = true
  state.lockedUntil = now + lockMs
  state.invalidatedAt = now
end

-- The write comes first and frees something: from there on, a store that is out of memory lets the script finish.
local function freeGate(state)
  changed = true
  redis.call('HDEL', KEYS[1], 'holder')
  for _, field in ipairs({ 'holder', 'leaseEnd', 'reserved', 'formerEnd', 'follows', 'grantedAt' }) do state[field] = nil end
end

local function grantedAnswer(state)
  return { 'granted', state.follows and '1' or '0', whole(state.grantedAt) }
end

-- Gives the free gate to a waiter and counts its attempt in the same step. An attempt without a verdict stays counted, so
-- the budget can be used up without a lock: then this is the moment that locks.
local function admit(state, waiter, now)
  local counted = waiter.counter ~= '-'
  if counted and not state.lockedUntil and (state[waiter.counter] or 0) >= waiter.maxAttempts then
    lockAccount(state, waiter.lockMs, now)
  end
  if counted and state.lockedUntil then return { 'locked', whole(state.lockedUntil - now) } end
  if waiter.since and state.invalidatedAt and state.invalidatedAt >= waiter.since then return { 'invalidated' } end
  changed = true
  state.holder, state.leaseEnd, state.grantedAt = waiter.id, now + leaseMs, now
  state.follows = state.endedAt and 1 or nil
  if counted then
    state.reserved = waiter.counter
    state.formerEnd = state[waiter.counter .. 'End']
    setCount(state, waiter.counter, (state[waiter.counter] or 0) + 1, now + waiter.lockMs)
  end
  return grantedAnswer(state)
end

local function parseWaiter(line)
  local id, channel, deadline, counter, maxAttempts, lockMs, since =
    string.match(line, '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$')
  return {
    id = id, channel = channel, deadline = tonumber(deadline), counter = counter,
    maxAttempts = tonumber(maxAttempts), lockMs = tonumber(lockMs), since = tonumber(since)
  }
end

local function tell(waiter, answer)
  redis.call('PUBLISH', waiter.channel, waiter.id .. ' ' .. table.concat(answer, ' '))
end

-- Hands a free gate to the first waiter that may have it; those before it that may not are told why.
local function promote(state, now)
  while not state.holder do
    local line = redis.call('LINDEX', KEYS[2], 0)
    if not line then return end
    redis.call('LPOP', KEYS[2])
    local waiter = parseWaiter(line)
    if waiter.deadline > now then tell(waiter, admit(state, waiter, now)) end
  end
end

-- Takes the gate from a holder whose lease is over. Its grant may still be running, so the next one follows another.
local function reap(state, now)
  if state.holder and state.leaseEnd <= now then
    freeGate(state)
    state.endedAt = now
  end
  promote(state, now)
end

-- Gives a counted attempt back as if it had not been made.
local function giveBack(state)
  local counter = state.reserved
  if counter then
    setCount(state, counter, math.max((state[counter] or 0) - 1, 0), state.formerEnd or state[counter .. 'End'])
  end
end

local function lineOf(id)
  local start = id .. ' '
  for _, line in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
    if string.sub(line, 1, #start) == start then return line end
  end
  return nil
end

local function dropOverdue(now)
  for _, line in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
    if parseWaiter(line).deadline <= now then redis.call('LREM', KEYS[2], 1, line) end
  end
end

local function enqueue(waiter, waitMs, queueLimit, now)
  if lineOf(waiter.id) then return { 'queued' } end
  if redis.call('LLEN', KEYS[2]) >= queueLimit then
    dropOverdue(now)
    if redis.call('LLEN', KEYS[2]) >= queueLimit then return { 'busy' } end
  end
  redis.call('RPUSH', KEYS[2], table.concat({
    waiter.id, waiter.channel, whole(now + waitMs), waiter.counter,
    waiter.maxAttempts and whole(waiter.maxAttempts) or '-', waiter.lockMs and whole(waiter.lockMs) or '-',
    waiter.since and whole(waiter.since) or '-'
  }, ' '))
  if redis.call('PTTL', KEYS[2]) < waitMs + graceMs then redis.call('PEXPIRE', KEYS[2], whole(waitMs + graceMs)) end
  return { 'queued' }
end

-- Grants the gate to a newcomer, or puts it behind everyone who waits.
local function enterGate(state, waiter, waitMs, queueLimit, now)
  reap(state, now)
  if not state.holder then return admit(state, waiter, now) end
  return enqueue(waiter, waitMs, queueLimit, now)
end
