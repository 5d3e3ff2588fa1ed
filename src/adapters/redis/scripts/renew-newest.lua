-- Lets a value live on if it is still the given one. KEYS: the value. ARGV: value, lifeMs.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
