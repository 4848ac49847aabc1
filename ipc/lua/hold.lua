-- A worker still holds messages that Redis has forgotten: they are entered again.
-- KEYS: unacked, unacked_index, held.
-- ARGV: triples of tag, list with the leading mark, entry for unacked.
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
for i = 1, #ARGV, 3 do
  if redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 2]) == 1 then
    redis.call('ZADD', KEYS[2], string.format('%.6f', now + i / 1000000), ARGV[i])
    redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
  end
end
return #ARGV / 3
