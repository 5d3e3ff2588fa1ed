-- One decision about an attempt: buckets, lock, account bucket, revoked challenges, gate.
-- KEYS: state, queue, buckets. ARGV: lease, keepInvalidated, id, channel, waitMs, queueLimit, counter, maxAttempts, lockMs,
-- since ("-" for what is absent), three a bucket.

local id, channel, waitMs, queueLimit = ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local waiter = {
  id = id, channel = channel, counter = ARGV[7],
  maxAttempts = tonumber(ARGV[8]), lockMs = tonumber(ARGV[9]), since = tonumber(ARGV[10])
}
local micros = clockMicros()
local now = math.floor(micros / 1000)
local state = loadState(now)
local buckets = lookAtBuckets(3, 11, micros)

-- A cluster client may send a command twice: the second time changes nothing.
if state.holder == id then return { grantedAnswer(state), statesOf(buckets, micros) } end

local refusal = refusalOf(buckets, false, micros)
if refusal then return { refusal, statesOf(buckets, micros) } end

if waiter.counter ~= '-' and state.lockedUntil then
  chargeBuckets(buckets, false, micros)
  return { { 'locked', whole(state.lockedUntil - now) }, statesOf(buckets, micros) }
end

refusal = refusalOf(buckets, true, micros)
if refusal then return { refusal, statesOf(buckets, micros) } end
chargeBuckets(buckets, false, micros)
chargeBuckets(buckets, true, micros)

if waiter.since and state.invalidatedAt and state.invalidatedAt >= waiter.since then
  return { { 'invalidated' }, statesOf(buckets, micros) }
end

local answer = enterGate(state, waiter, waitMs, queueLimit, now)
saveState(state, now)
return { answer, statesOf(buckets, micros) }
