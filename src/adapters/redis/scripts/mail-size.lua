-- How many jobs wait, and how many were given up. KEYS: the outbox. ARGV: keep, maxDead.

trimDead(clockMs())
return { redis.call('ZCARD', due), redis.call('ZCARD', dead) }
