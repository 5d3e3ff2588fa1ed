-- Charges every bucket, or none when one is empty.
-- KEYS: buckets. ARGV: three a bucket.

local micros = clockMicros()
local buckets = lookAtBuckets(1, 1, micros)
local refusal = refusalOf(buckets, false, micros) or refusalOf(buckets, true, micros)
if not refusal then
  chargeBuckets(buckets, false, micros)
  chargeBuckets(buckets, true, micros)
end
return { refusal or { 'charged' }, statesOf(buckets, micros) }
