-- The store's clock. Every script that needs the time starts with this file.

-- Lua's own conversion would write large numbers in exponents.
local function whole(number)
  return string.format('%.0f', number)
end

local function clockMicros()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local function clockMs()
  return math.floor(clockMicros() / 1000)
end
