-- Rate limits by the generic cell rate algorithm. A bucket is one number: the time, in microseconds of the store's clock,
-- at which it is full again. Every step is a whole number, so that `limit` charges at one moment always fit.
--
-- Arguments of a bucket: limit, window in milliseconds, "1" when it is charged only after the look at the lock.

-- The buckets of the keys from `firstKey` to `lastKey`; `values` are those of all keys.
local function lookAtBuckets(values, firstKey, lastKey, firstArgument, micros)
  local buckets = {}
  for key = firstKey, lastKey do
    local argument = firstArgument + (key - firstKey) * 3
    local limit, window = tonumber(ARGV[argument]), tonumber(ARGV[argument + 1]) * 1000
    local full = math.max(tonumber(values[key] or 0), micros)
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
    if bucket.afterLock == afterLock and wait > 0 then return { 'limited', index, math.ceil(wait / 1000) } end
  end
  return nil
end

-- Moves the buckets of this stage, or all of them without a stage, by so many charges.
local function chargeBuckets(buckets, charges, micros, afterLock)
  for _, bucket in ipairs(buckets) do
    if afterLock == nil or bucket.afterLock == afterLock then
      local full = bucket.full + charges * bucket.step
      if full > micros then
        redis.call('SET', bucket.key, whole(full), 'PX', whole(math.ceil((full - micros) / 1000)))
      else
        full = micros
        redis.call('DEL', bucket.key)
      end
      bucket.full = full
    end
  end
end

-- For each bucket: requests left, milliseconds until it is full.
local function statesOf(buckets, micros)
  local states = {}
  for _, bucket in ipairs(buckets) do
    local remaining = math.floor((micros + bucket.window - bucket.full) / bucket.step)
    states[#states + 1] = math.min(remaining, bucket.limit)
    states[#states + 1] = math.ceil((bucket.full - micros) / 1000)
  end
  return states
end
