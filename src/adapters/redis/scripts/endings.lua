-- The endings of a user's sessions: a hash with a field for each that is under way, and one that stays as long as the key.

local function endingState(key)
  local fields = redis.call('HLEN', key)
  if fields == 0 then return 'none' end
  return fields == 1 and 'over' or 'underWay'
end
