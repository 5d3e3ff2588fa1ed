-- Takes the job that is due first: it is due again when the lease ends. Jobs that are too old are given up on the way.
-- KEYS: the outbox. ARGV: keep, maxDead, leaseMs, maxAgeMs, reason of those that are too old, maxDelayMs.

local leaseMs, maxAgeMs, tooOld, maxDelayMs = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local now = clockMs()

-- A job that is due later than any is made due was written before the store's clock was set back.
local later = redis.call('ZRANGEBYSCORE', due, '(' .. whole(now + maxDelayMs), '+inf', 'LIMIT', 0, 100)
for _, id in ipairs(later) do redis.call('ZADD', due, whole(now), id) end

for _ = 1, 100 do
  local id = redis.call('ZRANGEBYSCORE', due, '-inf', whole(now), 'LIMIT', 0, 1)[1]
  if not id then return false end
  local line = redis.call('HGET', jobs, id)
  local job = line and parseJob(line)
  if not job then
    forget(id)
  elseif now - job.enqueuedAt > maxAgeMs then
    bury(id, job, tooOld, now)
  else
    job.enqueuedAt = math.min(job.enqueuedAt, now)
    local tries = job.tries
    job.tries = tries + 1
    wait(id, job, now + leaseMs)
    keepKeys()
    return { id, job.sealed, whole(tries), whole(now - job.enqueuedAt) }
  end
end
return false
