-- Puts dead letters back into their queues.
-- KEYS: dead list, history.
-- ARGV: task id ("" = all), prefix of queue names, limit.
-- Returns how many were moved. Entries that cannot be put back (no queue known) stay.
local moved, at = 0, -1
redis.call('HDEL', KEYS[2], '') -- see fetch.lua
for i = 1, tonumber(ARGV[3]) do
  local entry = redis.call('LINDEX', KEYS[1], at)
  if not entry then break end
  at = at - 1
  local ok, dead = pcall(cjson.decode, entry)
  if ok and type(dead) == 'table' and type(dead.message) == 'string' and type(dead.queue) == 'string' and
     dead.queue ~= '' and (ARGV[1] == '' or dead.id == ARGV[1]) then
    redis.call('LPUSH', type(dead.list) == 'string' and dead.list or ARGV[2] .. dead.queue, dead.message)
    redis.call('LREM', KEYS[1], -1, entry)
    at = at + 1
    redis.call('HDEL', KEYS[2], redis.sha1hex(dead.message))
    moved = moved + 1
  end
end
return moved
