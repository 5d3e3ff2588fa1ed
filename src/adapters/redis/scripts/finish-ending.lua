-- Marks that an ending is over. The mark's time begins anew, also of one that was lost meanwhile.
-- KEYS: endings. ARGV: ttlMs, id.

redis.call('HSET', KEYS[1], 'kept', '1')
redis.call('HDEL', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
