-- Makes dead jobs due as if they were new. KEYS: the outbox. ARGV: keep, maxDead, and an id for that one only.

local now = clockMs()
local ids = ARGV[3] and { ARGV[3] } or redis.call('ZRANGE', dead, 0, -1)
local count = 0
for _, id in ipairs(ids) do
  local line = redis.call('HGET', deadJobs, id)
  if line then
    local job = parseJob(line)
    job.enqueuedAt, job.tries = now, 0
    unearth(id)
    wait(id, job, now)
    count = count + 1
  end
end
if count > 0 then keepKeys() end
return count
