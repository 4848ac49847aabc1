-- Messages that a kombu worker has taken and neither acknowledged nor renewed for as long as kombu's visibility timeout,
-- and that are in the hands of none of our workers, go back to their queue, as any kombu consumer would put them - but
-- to the list of their own priority.
-- KEYS: unacked, unacked_index, workers. ARGV: visibility timeout (s), prefix of queues, prefix of held.
-- Returns how many were put back.
local now = tonumber(redis.call('TIME')[1])
local tags = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - tonumber(ARGV[1]), 'LIMIT', 0, 100)
local workers, back = redis.call('ZRANGE', KEYS[3], 0, -1), 0
for _, tag in ipairs(tags) do
  local owned = false
  for _, worker in ipairs(workers) do owned = owned or redis.call('HEXISTS', ARGV[3] .. worker, tag) == 1 end
  local entry = not owned and redis.call('HGET', KEYS[1], tag)
  local raw, routing_key = string.match(entry or '', '^%[(.*), "[^"]*", "([^"]*)"%]$')
  if not owned then
    redis.call('ZREM', KEYS[2], tag)
    redis.call('HDEL', KEYS[1], tag)
  end
  if raw then
    local ok, message = pcall(cjson.decode, raw)
    local properties = ok and type(message) == 'table' and message.properties or {}
    local priority = type(properties) == 'table' and tonumber(properties.priority) or 0
    local step = priority >= 9 and '\6\0229' or priority >= 6 and '\6\0226' or priority >= 3 and '\6\0223' or ''
    redis.call('RPUSH', ARGV[2] .. routing_key .. step, raw)
    back = back + 1
  end
end
return back
