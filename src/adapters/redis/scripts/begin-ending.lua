-- Marks that an ending begins. A cluster client may send a command twice: the second time changes nothing.
-- KEYS: endings. ARGV: ttlMs, id.

redis.call('HSET', KEYS[1], 'kept', '1', ARGV[2], '1')
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
