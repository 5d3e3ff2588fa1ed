-- The state of a gate, of an account or of a flight: one holder with a lease, those who wait, and for an account the counts
-- of attempts and the lock. It is one string, a table in MessagePack; every script that touches one starts with this file.
--
-- KEYS[1] the state. ARGV[1] lease, ARGV[2] how long a lock's effect on challenges is kept; both ms.
--
-- holder: id, leaseEnd, grantedAt, follows (the grant of another one), counter (of a counted attempt), formerEnd (of that
-- count). waiters, first come first served: id, channel, deadline, counter, maxAttempts, lockMs, since. Times are ms of the
-- store's clock. lockMs, how long the lock is; lockedBy, the id of the attempt that locked.
-- To read one: EVAL "return cjson.encode(cmsgpack.unpack(redis.call('GET', KEYS[1])))" 1 <key>.
--
-- A script makes all of its functions anew at each run, and costs more the more code it touches, since Redis has slept before
-- most runs (docs/performance.md). So a script has only the files that it needs, and what a login that meets nobody does
-- not need is made when somebody waits.

local followsWithinMs = 2000
local leaseMs, keepInvalidatedMs = tonumber(ARGV[1]), tonumber(ARGV[2])
local changed = false

local function setCount(state, counter, count, countEnd)
  changed = true
  state[counter] = count > 0 and count or nil
  state[counter .. 'End'] = count > 0 and countEnd or nil
end

local function clearLock(state)
  setCount(state, 'password', 0)
  setCount(state, 'mfa', 0)
  state.lockedUntil, state.lockMs, state.lockedBy = nil, nil, nil
end

-- `by` is the attempt whose failure locks.
local function lockAccount(state, lockMs, now, by)
  changed = true
  state.lockedUntil, state.lockMs, state.lockedBy = now + lockMs, lockMs, by
  state.invalidatedAt = now
end

-- Reads the state and drops what has run out. What would last longer than when it began was written before the store's clock was
-- set back: it begins again now, or it would last for as long as the clock was wrong. Counts begin again with each attempt.
local function loadState(value, now)
  if not value then return {} end
  local state = cmsgpack.unpack(value)
  local holder = state.holder
  if holder and holder.grantedAt > now then
    changed = true
    holder.leaseEnd, holder.grantedAt = now + holder.leaseEnd - holder.grantedAt, now
  end
  if state.lockMs and state.lockedUntil > now + state.lockMs then
    changed = true
    state.lockedUntil = now + state.lockMs
  end
  if state.invalidatedAt and state.invalidatedAt > now then
    changed = true
    -- Not of what begins in this moment.
    state.invalidatedAt = now - 1
  end
  if state.passwordEnd and state.passwordEnd <= now then setCount(state, 'password', 0) end
  if state.mfaEnd and state.mfaEnd <= now then setCount(state, 'mfa', 0) end
  if state.lockedUntil and state.lockedUntil <= now then clearLock(state) end
  if state.returnsEnd and state.returnsEnd <= now then state.returns, state.returnsEnd = nil, nil end
  if state.endedAt and state.endedAt + followsWithinMs < now then state.endedAt = nil end
  if state.invalidatedAt and state.invalidatedAt + keepInvalidatedMs < now then state.invalidatedAt = nil end
  return state
end

-- Writes the state if it changed. It lives as long as its longest part. Waiters have no part in that: they stand behind a
-- holder, and look for themselves.
local function saveState(state, now)
  if not changed then return end
  local graceMs = 5000
  local keepUntil = math.max(
    state.holder and state.holder.leaseEnd + graceMs or 0,
    state.endedAt and state.endedAt + followsWithinMs or 0,
    state.invalidatedAt and state.invalidatedAt + keepInvalidatedMs or 0,
    state.passwordEnd or 0, state.mfaEnd or 0, state.lockedUntil or 0, state.returnsEnd or 0
  )
  if keepUntil > now then
    redis.call('SET', KEYS[1], cmsgpack.pack(state), 'PX', whole(keepUntil - now))
  else
    redis.call('DEL', KEYS[1])
  end
end
