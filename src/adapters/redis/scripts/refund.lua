-- Gives one charge back to every bucket: the other half of a decision that was made in several slots.
-- KEYS: buckets. ARGV: three a bucket.

local micros = clockMicros()
local buckets = lookAtBuckets(redis.call('MGET', unpack(KEYS)), 1, #KEYS, 1, micros)
chargeBuckets(buckets, -1, micros)
return { { 'refunded' }, statesOf(buckets, micros) }
