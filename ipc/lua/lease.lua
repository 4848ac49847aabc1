-- A worker says that it lives, and renews the lease of all it holds.
-- KEYS: workers, held, unacked_index, description of the worker, mark that it was taken for dead.
-- ARGV: worker, description (JSON), seconds the description is kept.
-- Returns {state, tag ...}: state 0 = renewed, 1 = was not known (first time, or Redis forgot), 2 = was taken for dead since
-- (what it held belongs to others); then the tags that Redis holds for it.
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local out = {0}
if redis.call('DEL', KEYS[5]) == 1 then
  out[1] = 2
elseif not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  out[1] = 1
end
redis.call('ZADD', KEYS[1], string.format('%.6f', now), ARGV[1])
redis.call('SET', KEYS[4], ARGV[2], 'EX', ARGV[3])

-- Renewal keeps the order in which the messages were taken.
local tags = redis.call('HKEYS', KEYS[2])
local age = {}
for _, tag in ipairs(tags) do age[tag] = tonumber(redis.call('ZSCORE', KEYS[3], tag) or now) end
table.sort(tags, function(a, b)
  if age[a] == age[b] then return a < b end
  return age[a] < age[b]
end)
for i, tag in ipairs(tags) do
  redis.call('ZADD', KEYS[3], 'XX', string.format('%.6f', now + i / 1000000), tag)
  out[i + 1] = tag
end
return out
