-- Marks that an ending begins. A cluster client may send a command twice: the second time changes nothing.
-- KEYS: endings. ARGV: ttlMs, id.

local now, ttlMs, id = clockMs(), tonumber(ARGV[1]), ARGV[2]
keepEndings(KEYS[1], now, ttlMs)
redis.call('HSET', KEYS[1], id, whole(now + ttlMs))
return 1
