-- Charges every bucket, or none when one is empty.
-- KEYS: buckets. ARGV: three a bucket.

local micros = clockMicros()
local buckets = lookAtBuckets(redis.call('MGET', unpack(KEYS)), 1, #KEYS, 1, micros)
local refusal = refusalOf(buckets, false, micros) or refusalOf(buckets, true, micros)
if not refusal then chargeBuckets(buckets, 1, micros) end
return { refusal or { 'charged' }, statesOf(buckets, micros) }
