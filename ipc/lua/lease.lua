-- A worker says that it lives, and renews the lease of all it holds. What it registers for is an epoch: fetch, finish and
-- hold carry it, and whoever takes the worker for dead ends it, so that nothing which was begun under it is written later.
-- KEYS: workers, held, unacked_index, descriptions, mark that it was taken for dead, registered.
-- ARGV: worker, description (JSON), its epoch ("" = none yet), epoch to begin when that is over, its lease (s), how often
--       it has renewed.
-- Returns {state, epoch, what Redis holds for it (tag, mark and list, tag ...), tags that another kombu process took
-- away}: state 0 = renewed, 1 =
-- was not known (first time, or Redis forgot), 2 = was taken for dead since (what it held belongs to others). The mark
-- stays until the new epoch is renewed: an answer that is lost is given again.
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local epoch, state = ARGV[3], 0
redis.call('ZREM', KEYS[3], '') -- see finish.lua
-- A mark beside an epoch that is not over was made by a worker of an older version, which knows no epochs; one that has
-- been told of is not taken for that.
local mark = redis.call('GET', KEYS[5])
if epoch ~= '' and string.match(redis.call('HGET', KEYS[6], ARGV[1]) or '', '^%S+') == epoch and mark ~= '1' then
  redis.call('DEL', KEYS[5])
else
  state = mark and 2 or 1
  epoch = ARGV[4]
  if mark then redis.call('SET', KEYS[5], 'told', 'EX', 2592000) end
end
redis.call('HSET', KEYS[6], ARGV[1], epoch .. ' ' .. ARGV[5] .. ' ' .. ARGV[6])
redis.call('ZADD', KEYS[1], string.format('%.6f', now), ARGV[1])
redis.call('HSET', KEYS[4], ARGV[1], ARGV[2])

-- Renewal keeps the order in which the messages were taken.
local tags, taken, age, list, held = {}, {}, {}, {}, redis.call('HGETALL', KEYS[2])
for i = 1, #held, 2 do
  local tag, score = held[i], redis.call('ZSCORE', KEYS[3], held[i])
  list[tag] = held[i + 1]
  if score then
    age[tag] = tonumber(score)
    tags[#tags + 1] = tag
  else
    taken[#taken + 1] = tag
  end
end
for _, tag in ipairs(taken) do redis.call('HDEL', KEYS[2], tag) end
table.sort(tags, function(a, b)
  if age[a] == age[b] then return a < b end
  return age[a] < age[b]
end)
local out = {}
for i, tag in ipairs(tags) do
  redis.call('ZADD', KEYS[3], 'XX', string.format('%.6f', now + i / 1000000), tag)
  out[2 * i - 1], out[2 * i] = tag, list[tag]
end
return {state, epoch, out, taken}
