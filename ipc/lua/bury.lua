-- A worker is taken for dead: its epoch ends, so that it writes nothing from now on. Its messages are told, newest first,
-- and given back by handback.lua; until that is done it is listed as "dead", and whoever sees that may go on with it.
-- KEYS: workers, registered, held, unacked_index, descriptions, mark that it was taken for dead.
-- ARGV: worker, its record as it was seen ("" = it is known to be dead, or is the caller: no mark), most messages to tell.
-- Returns -1 when it has renewed since, else {tag, mark and list, tag, mark and list, ...}.
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
local record = redis.call('HGET', KEYS[2], ARGV[1]) or score and 'score ' .. score
if ARGV[2] ~= '' and record ~= ARGV[2] then return -1 end
redis.call('HDEL', KEYS[5], ARGV[1])
if record or redis.call('EXISTS', KEYS[3]) == 1 then
  redis.call('HSET', KEYS[2], ARGV[1], 'dead')
  if not score then redis.call('ZADD', KEYS[1], 1, ARGV[1]) end
  if ARGV[2] ~= '' then redis.call('SET', KEYS[6], '1', 'EX', 2592000) end
end
local all, tags, age, list = redis.call('HGETALL', KEYS[3]), {}, {}, {}
for i = 1, #all, 2 do
  tags[#tags + 1] = all[i]
  list[all[i]] = all[i + 1]
  age[all[i]] = tonumber(redis.call('ZSCORE', KEYS[4], all[i]) or 0)
end
table.sort(tags, function(a, b)
  if age[a] == age[b] then return a > b end
  return age[a] > age[b]
end)
local out = {}
for i = 1, math.min(#tags, tonumber(ARGV[3])) do
  out[#out + 1] = tags[i]
  out[#out + 1] = list[tags[i]]
end
return out
