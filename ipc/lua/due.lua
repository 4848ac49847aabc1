-- What is due for a list that no worker of the caller's serves goes to the front of it (whoever serves it takes it).
-- KEYS: scheduled, scheduled messages, scheduled ids, the list. Returns how many were moved.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local moved = 0
redis.call('ZREM', KEYS[1], '') -- see fetch.lua
for _, tag in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 500)) do
  local list, id, raw = string.match(redis.call('HGET', KEYS[2], tag) or '', '^([^\n]*)\n([^\n]*)\n(.*)$')
  if list == KEYS[4] then
    redis.call('RPUSH', list, raw)
    redis.call('ZREM', KEYS[1], tag)
    redis.call('HDEL', KEYS[2], tag)
    if redis.call('HGET', KEYS[3], id) == tag then redis.call('HDEL', KEYS[3], id) end
    moved = moved + 1
  end
end
return moved
