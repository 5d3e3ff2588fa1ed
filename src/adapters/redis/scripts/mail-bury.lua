-- Gives a job up, unless someone else has taken it since.
-- KEYS: the outbox. ARGV: keep, maxDead, id, claim, reason.

local id, claim, reason = ARGV[3], tonumber(ARGV[4]), ARGV[5]
local line = redis.call('HGET', jobs, id)
local job = line and parseJob(line)
if not job or job.tries ~= claim then return 0 end
bury(id, job, reason, clockMs())
return 1
