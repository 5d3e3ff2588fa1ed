-- Adds a job that is due at once. A cluster client may send a command twice: the second time changes nothing.
-- KEYS: the outbox. ARGV: keep, maxDead, maxWaiting, id, type, sealed. Returns 0 when the outbox is full.

local maxWaiting, id, type, sealed = tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[6]
if redis.call('HEXISTS', jobs, id) == 1 then return 1 end
if redis.call('ZCARD', due) >= maxWaiting then return 0 end
local now = clockMs()
wait(id, { enqueuedAt = now, tries = 0, type = type, sealed = sealed }, now)
keepKeys()
return 1
