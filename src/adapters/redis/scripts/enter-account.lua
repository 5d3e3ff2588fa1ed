-- One decision about an attempt: buckets, lock, account bucket, revoked challenges, gate.
-- KEYS: state, buckets. ARGV: lease, keepInvalidated, id, channel, waitMs, queueLimit, counter, maxAttempts, lockMs, since
-- ("-" for what is absent), three a bucket.

local waiter = {
  id = ARGV[3], channel = ARGV[4], counter = ARGV[7] ~= '-' and ARGV[7] or nil,
  maxAttempts = tonumber(ARGV[8]), lockMs = tonumber(ARGV[9]), since = tonumber(ARGV[10])
}
local micros = clockMicros()
local now = math.floor(micros / 1000)
local values = redis.call('MGET', unpack(KEYS))
local state = loadState(values[1], now)
local buckets = lookAtBuckets(values, 2, #KEYS, 11, micros)

-- A cluster client may send a command twice: the second time changes nothing.
local standing = standingOf(waiter.id, state, now)
if standing then return { standing, statesOf(buckets, micros) } end

local refusal = refusalOf(buckets, false, micros)
if refusal then return { refusal, statesOf(buckets, micros) } end

if waiter.counter and state.lockedUntil then
  chargeBuckets(buckets, 1, micros, false)
  saveState(state, now)
  return { { 'locked', state.lockedUntil - now }, statesOf(buckets, micros) }
end

refusal = refusalOf(buckets, true, micros)
if refusal then return { refusal, statesOf(buckets, micros) } end
chargeBuckets(buckets, 1, micros)

if isRevoked(state, waiter.since, now) then return { { 'invalidated' }, statesOf(buckets, micros) } end

local answer = enterGate(state, waiter, tonumber(ARGV[5]), tonumber(ARGV[6]), now)
saveState(state, now)
return { answer, statesOf(buckets, micros) }
