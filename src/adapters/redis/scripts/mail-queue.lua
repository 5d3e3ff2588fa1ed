-- The outbox: jobs that wait, in the order in which they are due, and jobs that were given up, in the order of their death.
-- Every script that touches it starts with this file.
--
-- KEYS: due (sorted set of ids), jobs (hash), dead (sorted set of ids), dead jobs (hash). ARGV[1]: how long a key is kept
-- after the last write to it, ARGV[2]: how many dead jobs are kept; times are in ms.
--
-- A job is one line: enqueuedAt, tries, type, sealed job; a dead one has its reason behind that.

local due, jobs, dead, deadJobs = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local keepMs, maxDead = tonumber(ARGV[1]), tonumber(ARGV[2])

local function parseJob(line)
  local enqueuedAt, tries, type, sealed, reason = string.match(line, '^(%d+) (%d+) (%S+) (%S+) ?(.*)$')
  return { enqueuedAt = tonumber(enqueuedAt), tries = tonumber(tries), type = type, sealed = sealed, reason = reason }
end

local function jobLine(job)
  return whole(job.enqueuedAt) .. ' ' .. whole(job.tries) .. ' ' .. job.type .. ' ' .. job.sealed
end

local function keepKeys()
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, whole(keepMs)) end
end

local function wait(id, job, dueAt)
  redis.call('HSET', jobs, id, jobLine(job))
  redis.call('ZADD', due, whole(dueAt), id)
end

local function forget(id)
  redis.call('ZREM', due, id)
  redis.call('HDEL', jobs, id)
end

local function unearth(id)
  redis.call('ZREM', dead, id)
  redis.call('HDEL', deadJobs, id)
end

local function trimDead(now)
  local old = redis.call('ZRANGEBYSCORE', dead, '-inf', whole(now - keepMs), 'LIMIT', 0, 1000)
  for _, id in ipairs(old) do unearth(id) end
  local surplus = redis.call('ZCARD', dead) - maxDead
  if surplus > 0 then
    for _, id in ipairs(redis.call('ZRANGE', dead, 0, surplus - 1)) do unearth(id) end
  end
end

local function bury(id, job, reason, now)
  forget(id)
  redis.call('HSET', deadJobs, id, jobLine(job) .. ' ' .. reason)
  redis.call('ZADD', dead, whole(now), id)
  trimDead(now)
  keepKeys()
end
