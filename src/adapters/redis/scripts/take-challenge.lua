-- Reads and removes a value, with the milliseconds it had left.
-- KEYS: the value.

local value = redis.call('GET', KEYS[1])
if not value then return false end
local remainingMs = redis.call('PTTL', KEYS[1])
redis.call('DEL', KEYS[1])
return { value, remainingMs }
