-- Makes a taken job due after the delay, unless someone else has taken it since.
-- KEYS: the outbox. ARGV: keep, maxDead, id, claim, delayMs.

local id, claim, delayMs = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local line = redis.call('HGET', jobs, id)
local job = line and parseJob(line)
if not job or job.tries ~= claim then return 0 end
wait(id, job, clockMs() + delayMs)
keepKeys()
return 1
