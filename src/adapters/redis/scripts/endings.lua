-- The endings of a user's sessions: a hash with a field for each that is under way, which holds when it ends at the latest
-- (ms of the store's clock), and one that stays as long as the key.

local function endingState(key, now)
  local fields = redis.call('HGETALL', key)
  if #fields == 0 then return 'none' end
  for index = 1, #fields, 2 do
    if fields[index] ~= 'kept' and tonumber(fields[index + 1]) > now then return 'underWay' end
  end
  return 'over'
end
