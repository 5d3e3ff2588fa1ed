-- Gives one charge back to every bucket: the other half of a decision that was made in several slots.
-- KEYS: buckets. ARGV: three a bucket.

local micros = clockMicros()
local buckets = lookAtBuckets(1, 1, micros)
for _, bucket in ipairs(buckets) do fillTo(bucket, bucket.full - bucket.step, micros) end
return { { 'refunded' }, statesOf(buckets, micros) }
