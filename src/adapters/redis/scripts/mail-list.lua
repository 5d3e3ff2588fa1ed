-- The first jobs of a list, with the time they are due or died. KEYS: the outbox. ARGV: keep, maxDead, "due" or "dead", limit.

trimDead(clockMs())
local ids, lines = due, jobs
if ARGV[3] == 'dead' then ids, lines = dead, deadJobs end
local found = {}
local members = redis.call('ZRANGE', ids, 0, whole(tonumber(ARGV[4]) - 1), 'WITHSCORES')
for index = 1, #members, 2 do
  local line = redis.call('HGET', lines, members[index])
  if line then
    local job = parseJob(line)
    found[#found + 1] = {
      members[index], whole(tonumber(members[index + 1])), job.type, whole(job.enqueuedAt), whole(job.tries), job.reason
    }
  end
end
return found
