-- Keeps the key for its time from now on, and in it the endings that may still be under way. One that was cut off must not last
-- as long as others come; one that lasts longer than any began before the store's clock was set back.

local function keepEndings(key, now, ttlMs)
  local fields = redis.call('HGETALL', key)
  for index = 1, #fields, 2 do
    local id, latest = fields[index], tonumber(fields[index + 1])
    if id ~= 'kept' and (latest <= now or latest > now + ttlMs) then redis.call('HDEL', key, id) end
  end
  redis.call('HSET', key, 'kept', '1')
  redis.call('PEXPIRE', key, whole(ttlMs))
end
