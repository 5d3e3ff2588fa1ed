-- Marks that an ending is over. The key's time begins anew, also of one that was lost meanwhile.
-- KEYS: endings. ARGV: ttlMs, id.

keepEndings(KEYS[1], clockMs(), tonumber(ARGV[1]))
redis.call('HDEL', KEYS[1], ARGV[2])
return 1
