-- What became of messages: states stored and published, follow-ups sent, messages acknowledged, all of a message in one
-- step - and only while it is still ours (the fence: a worker that was taken for dead writes nothing).
-- KEYS: unacked, unacked_index, held, deliveries, dead, scheduled, scheduled messages, scheduled ids.
-- ARGV: seconds a result is kept (0 = for ever), most dead letters kept, then items of: tag, flags, operands in this order:
--   s: result key, JSON           store and publish (a stored SUCCESS is never overwritten)
--   m:                            mark the message as started (a crash then counts as a delivery)
--   p: n, n times list, message   send
--   r: delay ms, tag, list, id, message   schedule
--   x: dead letter                keep it
--   a:                            acknowledge
--   u:                            not held any more, Redis forgot: do it unless the same result is there already
-- Returns for each item 1 = done, 0 = it was not ours any more.
local expiry, dead_cap = tonumber(ARGV[1]), tonumber(ARGV[2])
local at, results, acked = 3, {}, {}
local function operand()
  at = at + 1
  return ARGV[at - 1]
end
local function has(flags, letter)
  return string.find(flags, letter, 1, true) ~= nil
end
local function store(key, json)
  local now = redis.pcall('GET', key)
  if type(now) == 'string' and string.find(now, '^{"status": ?"SUCCESS"') then return end
  if expiry > 0 then redis.call('SET', key, json, 'EX', expiry) else redis.call('SET', key, json) end
  redis.call('PUBLISH', key, json)
end

local items, tags = {}, {}
while at <= #ARGV do
  local item = {tag = operand(), flags = operand()}
  if has(item.flags, 's') then item.key, item.json = operand(), operand() end
  if has(item.flags, 'p') then
    item.sends = {}
    for i = 1, tonumber(operand()) do item.sends[i] = {operand(), operand()} end
  end
  if has(item.flags, 'r') then item.later = {operand(), operand(), operand(), operand(), operand()} end
  if has(item.flags, 'x') then item.dead = operand() end
  items[#items + 1] = item
  tags[#tags + 1] = item.tag
end

local time = redis.call('TIME')
local owned = redis.call('HMGET', KEYS[3], unpack(tags))
for i, item in ipairs(items) do
  local mine = owned[i]
  if not mine and has(item.flags, 'u') then mine = not item.key or redis.pcall('GET', item.key) ~= item.json end
  results[i] = mine and 1 or 0
  if mine then
    if item.json then store(item.key, item.json) end
    if has(item.flags, 'm') and owned[i] then redis.call('HSET', KEYS[3], item.tag, '1' .. string.sub(owned[i], 2)) end
    for _, send in ipairs(item.sends or {}) do redis.pcall('LPUSH', send[1], send[2]) end
    if item.later then
      local due = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + tonumber(item.later[1])
      redis.call('ZADD', KEYS[6], string.format('%.0f', due), item.later[2])
      redis.call('HSET', KEYS[7], item.later[2], item.later[3] .. '\n' .. item.later[4] .. '\n' .. item.later[5])
      redis.call('HSET', KEYS[8], item.later[4], item.later[2])
    end
    if item.dead then
      redis.call('LPUSH', KEYS[5], item.dead)
      redis.call('LTRIM', KEYS[5], 0, dead_cap - 1)
    end
    if has(item.flags, 'a') then acked[#acked + 1] = item.tag end
  end
end
if #acked > 0 then
  redis.call('ZREM', KEYS[2], unpack(acked))
  redis.call('HDEL', KEYS[1], unpack(acked))
  redis.call('HDEL', KEYS[3], unpack(acked))
  redis.call('HDEL', KEYS[4], unpack(acked))
end
return results
