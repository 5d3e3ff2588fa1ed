-- Leads a flight, waits for its leader, or gets what the last leader left.
-- KEYS: state, value, buckets, endings. ARGV: lease, keepInvalidated, id, channel, waitMs, queueLimit, three a bucket.

local waiter = { id = ARGV[3], channel = ARGV[4] }
local micros = clockMicros()
local now = math.floor(micros / 1000)
local values = redis.call('MGET', unpack(KEYS, 1, #KEYS - 1))
local state, value = loadState(values[1], now), values[2]
local buckets = lookAtBuckets(values, 3, #KEYS - 1, 7, micros)

-- A cluster client may send a command twice: the second time changes nothing.
local standing = standingOf(waiter.id, state, now)
if standing then return { standing, statesOf(buckets, micros) } end

local refusal = refusalOf(buckets, false, micros) or refusalOf(buckets, true, micros)
if refusal then return { refusal, statesOf(buckets, micros) } end
chargeBuckets(buckets, 1, micros)

if value then return { { 'replayed', value, endingState(KEYS[#KEYS], now) }, statesOf(buckets, micros) } end

local answer = enterGate(state, waiter, tonumber(ARGV[5]), tonumber(ARGV[6]), now)
saveState(state, now)
return { answer, statesOf(buckets, micros) }
