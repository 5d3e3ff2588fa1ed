-- Takes the job that is due first: it is due again when the lease ends. Jobs that are too old are given up on the way.
-- KEYS: the outbox. ARGV: keep, maxDead, leaseMs, maxAgeMs, reason of those that are too old.

local leaseMs, maxAgeMs, tooOld = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local now = clockMs()
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
    local tries = job.tries
    job.tries = tries + 1
    wait(id, job, now + leaseMs)
    keepKeys()
    return { id, job.sealed, whole(tries), whole(now - job.enqueuedAt) }
  end
end
return false
