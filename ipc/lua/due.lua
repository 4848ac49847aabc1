-- What is due for a list that no worker of the caller's serves goes to the front of it (whoever serves it takes it).
-- KEYS: scheduled, scheduled messages, scheduled ids, the list. Returns how many were moved.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local moved, bytes = 0, 16777216 -- large ones not all at once
redis.call('ZREM', KEYS[1], '') -- see fetch.lua
for _, tag in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 500)) do
  local entry = redis.call('HGET', KEYS[2], tag) or ''
  local first = string.find(entry, '\n', 1, true)
  local second = first and string.find(entry, '\n', first + 1, true)
  if second and string.sub(entry, 1, first - 1) == KEYS[4] then
    local id = string.sub(entry, first + 1, second - 1)
    redis.call('RPUSH', KEYS[4], string.sub(entry, second + 1))
    redis.call('ZREM', KEYS[1], tag)
    redis.call('HDEL', KEYS[2], tag)
    if redis.call('HGET', KEYS[3], id) == tag then redis.call('HDEL', KEYS[3], id) end
    moved = moved + 1
  end
  bytes = bytes - #entry
  if bytes <= 0 then break end
end
return moved
