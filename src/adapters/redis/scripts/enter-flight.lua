-- Leads a flight, waits for its leader, or gets what the last leader left.
-- KEYS: state, queue, value, endings, buckets. ARGV: lease, keepInvalidated, id, channel, waitMs, queueLimit, three a bucket.

local waiter = { id = ARGV[3], channel = ARGV[4], counter = '-' }
local waitMs, queueLimit = tonumber(ARGV[5]), tonumber(ARGV[6])
local micros = clockMicros()
local now = math.floor(micros / 1000)
local buckets = lookAtBuckets(5, 7, micros)
local state = loadState(now)

-- A cluster client may send a command twice: the second time changes nothing.
if state.holder == waiter.id then return { grantedAnswer(state), statesOf(buckets, micros) } end

local refusal = refusalOf(buckets, false, micros) or refusalOf(buckets, true, micros)
if refusal then return { refusal, statesOf(buckets, micros) } end
chargeBuckets(buckets, false, micros)
chargeBuckets(buckets, true, micros)

local value = redis.call('GET', KEYS[3])
if value then return { { 'replayed', value, endingState(KEYS[4]) }, statesOf(buckets, micros) } end

local answer = enterGate(state, waiter, waitMs, queueLimit, now)
saveState(state, now)
return { answer, statesOf(buckets, micros) }
