-- Messages go back to the list they came from, to its front and in their order, whole. Used for what a worker gives back,
-- and for all that a dead worker held.
-- KEYS: unacked, unacked_index, held (of the worker), deliveries, dead, workers, mark of a worker taken for dead,
--       description of the worker.
-- ARGV: most deliveries, result prefix, seconds results are kept, time (ISO) for dead letters, limit,
--       worker ("" = it lives: only the tags that follow), seconds of silence after which it is dead ("" = it is known to
--       be), then pairs of tag, 1 or 0 (1 = this delivery counts: the task's runner crashed).
-- A dead worker's messages count when they were marked as started. A message that was delivered too often becomes a
-- dead letter, and its result FAILURE.
-- Returns {messages given back, messages dead-lettered, messages left, then for each dead letter its task ("" = unknown)}, or
-- {-1, 0, 0}: the worker is not dead.
local max, worker, silence = tonumber(ARGV[1]), ARGV[6], ARGV[7]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local tags, counts, left = {}, {}, 0
if worker == '' then
  for i = 8, #ARGV, 2 do
    tags[#tags + 1] = ARGV[i]
    counts[ARGV[i]] = ARGV[i + 1] == '1'
  end
else
  local seen = redis.call('ZSCORE', KEYS[6], worker)
  if silence ~= '' and (not seen or tonumber(seen) > now - tonumber(silence)) then return {-1, 0, 0} end
  redis.call('ZREM', KEYS[6], worker)
  redis.call('DEL', KEYS[8])
  if silence ~= '' then redis.call('SET', KEYS[7], '1', 'EX', 86400) end
  tags = redis.call('HKEYS', KEYS[3])
end

local age = {}
for _, tag in ipairs(tags) do age[tag] = tonumber(redis.call('ZSCORE', KEYS[2], tag) or now) end
table.sort(tags, function(a, b)
  if age[a] == age[b] then return a > b end
  return age[a] > age[b]
end)

local buried = {}
local function bury(tag, list, raw, deliveries)
  local ok, message = pcall(cjson.decode, raw)
  local headers = ok and type(message) == 'table' and type(message.headers) == 'table' and message.headers or {}
  local id = type(headers.id) == 'string' and headers.id or nil
  local task = type(headers.task) == 'string' and headers.task or nil
  local reason = 'delivered ' .. deliveries .. ' times, and its runner or worker died each time'
  local bare = string.match(list, '^([^\6]*)')
  redis.call('LPUSH', KEYS[5], cjson.encode({reason = reason, queue = bare, list = list, id = id, task = task,
    deliveries = deliveries, at = ARGV[4], size_bytes = #raw, message = raw, tag = tag}))
  buried[#buried + 1] = task or ''
  if not id then return end
  local json = '{"status": "FAILURE", "result": {"exc_type": "WorkerLostError", "exc_message": [' .. cjson.encode(reason) ..
    '], "exc_module": "billiard.exceptions"}, "traceback": null, "children": [], "date_done": ' ..
    cjson.encode((string.gsub(ARGV[4], 'Z$', ''))) .. ', "task_id": ' .. cjson.encode(id) .. '}'
  local key = ARGV[2] .. 'celery-task-meta-' .. id
  if tonumber(ARGV[3]) > 0 then redis.call('SET', key, json, 'EX', ARGV[3]) else redis.call('SET', key, json) end
  redis.call('PUBLISH', key, json)
end

local back, dead = 0, 0
for i, tag in ipairs(tags) do
  if i > tonumber(ARGV[5]) then
    left = #tags - i + 1
    break
  end
  local list, entry = redis.call('HGET', KEYS[3], tag), redis.call('HGET', KEYS[1], tag)
  if list and entry then
    local counted = string.sub(list, 1, 1) == '1'
    list = string.sub(list, 2)
    if worker == '' then counted = counts[tag] end
    local deliveries = counted and redis.call('HINCRBY', KEYS[4], tag, 1) or 0
    local raw = string.match(entry, '^%[(.*), "[^"]*", "[^"]*"%]$')
    if deliveries >= max then
      bury(tag, list, raw, deliveries)
      redis.call('HDEL', KEYS[4], tag)
      dead = dead + 1
    else
      redis.call('RPUSH', list, raw)
      back = back + 1
    end
  end
  redis.call('ZREM', KEYS[2], tag)
  redis.call('HDEL', KEYS[1], tag)
  redis.call('HDEL', KEYS[3], tag)
end
if back > 0 then redis.call('EXPIRE', KEYS[4], 604800) end
if left > 0 and worker ~= '' then redis.call('ZADD', KEYS[6], 1, worker) end
return {back, dead, left, unpack(buried)}
