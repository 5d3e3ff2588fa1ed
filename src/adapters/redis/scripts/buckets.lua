-- Rate limits by the generic cell rate algorithm. A bucket is one number: the time, in microseconds of the store's clock,
-- at which it is full again. Every step is a whole number, so that `limit` charges at one moment always fit.
--
-- Arguments of a bucket: limit, window in milliseconds, "1" when it is charged only after the look at the lock.

local function lookAtBuckets(firstKey, firstArgument, micros)
  local buckets = {}
  for key = firstKey, #KEYS do
    local argument = firstArgument + (key - firstKey) * 3
    local limit = tonumber(ARGV[argument])
    local window = tonumber(ARGV[argument + 1]) * 1000
    local full = tonumber(redis.call('GET', KEYS[key]) or '0')
    full = math.max(full, micros)
    -- Never further away than a whole window, whatever the clock or the policy was when it was written. It is put right at
    -- once: capped anew at every look, it would come no nearer, and the bucket stay empty.
    if full > micros + window then
      full = micros + window
      redis.call('SET', KEYS[key], whole(full), 'PX', whole(math.ceil(window / 1000)))
    end
    buckets[#buckets + 1] = {
      key = KEYS[key], limit = limit, window = window, full = full,
      step = math.floor(window / limit), afterLock = ARGV[argument + 2] == '1'
    }
  end
  return buckets
end

-- The answer of the first empty bucket of this stage, or nil.
local function refusalOf(buckets, afterLock, micros)
  for index, bucket in ipairs(buckets) do
    local wait = bucket.full + bucket.step - bucket.window - micros
    if bucket.afterLock == afterLock and wait > 0 then
      return { 'limited', whole(index), whole(math.ceil(wait / 1000)) }
    end
  end
  return nil
end

local function fillTo(bucket, full, micros)
  bucket.full = full
  if full > micros then
    redis.call('SET', bucket.key, whole(full), 'PX', whole(math.ceil((full - micros) / 1000)))
  else
    bucket.full = micros
    redis.call('DEL', bucket.key)
  end
end

local function chargeBuckets(buckets, afterLock, micros)
  for _, bucket in ipairs(buckets) do
    if bucket.afterLock == afterLock then fillTo(bucket, bucket.full + bucket.step, micros) end
  end
end

-- For each bucket: requests left, milliseconds until it is full.
local function statesOf(buckets, micros)
  local states = {}
  for _, bucket in ipairs(buckets) do
    local remaining = math.floor((micros + bucket.window - bucket.full) / bucket.step)
    states[#states + 1] = whole(math.min(remaining, bucket.limit))
    states[#states + 1] = whole(math.ceil((bucket.full - micros) / 1000))
  end
  return states
end
