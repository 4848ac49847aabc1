-- A worker still holds messages that Redis has forgotten: they are entered again. Where Redis went back to a moment before
-- they were taken, each is at the end of its list again: it is taken out there, or it would run twice.
-- KEYS: unacked, unacked_index, held, registered, then lists that items name by their number.
-- ARGV: worker, its epoch, then for each: tag, number of its list, mark, queue, message.
-- Returns how many were entered; -1 = the epoch is over.
if string.match(redis.call('HGET', KEYS[4], ARGV[1]) or '', '^%S+') ~= ARGV[2] then return -1 end
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
redis.call('ZREM', KEYS[2], '') -- see finish.lua
for i = 3, #ARGV, 5 do
  local tag, list = ARGV[i], KEYS[tonumber(ARGV[i + 1])]
  local place = redis.pcall('LPOS', list, ARGV[i + 4], 'RANK', -1, 'MAXLEN', 1000)
  if type(place) == 'number' then redis.call('LREM', list, -1, ARGV[i + 4]) end
  redis.call('HSET', KEYS[1], tag, '[' .. ARGV[i + 4] .. ', "", "' .. ARGV[i + 3] .. '"]')
  redis.call('ZADD', KEYS[2], string.format('%.6f', now + i / 1000000), tag)
  redis.call('HSET', KEYS[3], tag, ARGV[i + 2] .. list)
end
return (#ARGV - 2) / 5
