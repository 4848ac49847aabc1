-- Messages go back to the list they came from, to its front and in their order, whole - or into the scheduled ones, when
-- they must wait. Used for what a worker gives back, and for what a dead worker held.
-- KEYS: unacked, unacked_index, held (of the worker), history, scheduled, scheduled messages, scheduled ids, workers,
--       registered, then lists that items name by their number.
-- ARGV: worker when it is dead ("" = it lives), most deliveries, then for each message: tag, number of its list, how it counts, delay in ms,
--       1 or 0 (1 = monitors have heard of it: noted in its history).
-- It counts: 0 = not; c = its runner died in it; w = its worker died while it ran beside others; a = its worker died while
-- it ran alone. What has counted waits before it is tried again, longer each time. After "w" the history carries a w: such
-- a message runs alone when one more death would be too many, so that no message is condemned for its neighbours.
-- Returns {messages given back, how many the worker holds still}. A message that is not held is passed over.
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local age, tags, items, most = {}, {}, {}, tonumber(ARGV[2])
for i = 3, #ARGV, 5 do
  local tag = ARGV[i]
  tags[#tags + 1] = tag
  age[tag] = tonumber(redis.call('ZSCORE', KEYS[2], tag) or now)
  items[tag] = {list = KEYS[tonumber(ARGV[i + 1])], counts = ARGV[i + 2], delay = tonumber(ARGV[i + 3]), told = ARGV[i + 4]}
end
table.sort(tags, function(a, b)
  if age[a] == age[b] then return a > b end
  return age[a] > age[b]
end)

-- The history is a number of deliveries and letters: w (see above), r (monitors have heard that it was received).
local function note(item, raw)
  if item.counts == '0' and item.told ~= '1' then return 0 end
  local sha = redis.sha1hex(raw)
  local count, marks = string.match(redis.call('HGET', KEYS[4], sha) or '', '^(%d+)(%a*)$')
  count, marks = tonumber(count or 0), marks or ''
  local deaths = count
  if item.counts ~= '0' and (item.counts ~= 'w' or count + 1 < most) then count = count + 1 end
  if item.counts == 'w' and not string.find(marks, 'w', 1, true) then marks = marks .. 'w' end
  if item.told == '1' and not string.find(marks, 'r', 1, true) then marks = marks .. 'r' end
  redis.call('HSET', KEYS[4], sha, string.format('%.0f', count) .. marks)
  redis.call('EXPIRE', KEYS[4], 604800)
  if item.counts == '0' or (item.counts ~= 'c' and deaths == 0) then return 0 end
  return math.min(60000, 250 * 2 ^ math.min(count, 10))
end
local function id_of(raw)
  local ok, message = pcall(cjson.decode, raw)
  local headers = ok and type(message) == 'table' and message.headers
  local id = type(headers) == 'table' and headers.id
  return type(id) == 'string' and not string.find(id, '\n', 1, true) and id or '-'
end

redis.call('ZREM', KEYS[2], '') -- see fetch.lua: what is refused shows before anything is lost
redis.call('HDEL', KEYS[1], '')
local back = 0
for _, tag in ipairs(tags) do
  local item = items[tag]
  local held, entry = redis.call('HGET', KEYS[3], tag), redis.call('HGET', KEYS[1], tag)
  if held then
    local raw = string.match(entry or '', '^%[(.*), "[^"]*", "[^"]*"%]$')
    if raw then
      local delay = math.max(note(item, raw), item.delay)
      if delay > 0 then
        local id = id_of(raw)
        redis.call('ZADD', KEYS[5], string.format('%.0f', now * 1000 + delay), tag)
        redis.call('HSET', KEYS[6], tag, item.list .. '\n' .. id .. '\n' .. raw)
        redis.call('HSET', KEYS[7], id, tag)
      else
        redis.call('RPUSH', item.list, raw)
      end
      back = back + 1
    end
    redis.call('ZREM', KEYS[2], tag)
    redis.call('HDEL', KEYS[1], tag)
    redis.call('HDEL', KEYS[3], tag)
  end
end
local left = redis.call('HLEN', KEYS[3])
if ARGV[1] ~= '' and left == 0 and redis.call('HGET', KEYS[9], ARGV[1]) == 'dead' then
  redis.call('HDEL', KEYS[9], ARGV[1])
  redis.call('ZREM', KEYS[8], ARGV[1])
end
return {back, left}
