-- Task ids are revoked: remembered for workers that start later, and what waits for its time is ended at once.
-- KEYS: revoked, scheduled, scheduled messages, scheduled ids.
-- ARGV: result prefix, seconds results are kept, time (ISO without offset), most ids remembered, ids.
-- Returns the ids that were waiting.
local now = tonumber(redis.call('TIME')[1])
local ended = {}
for i = 5, #ARGV do
  local id = ARGV[i]
  redis.call('ZADD', KEYS[1], now, id)
  local tag = redis.call('HGET', KEYS[4], id)
  if tag then
    redis.call('HDEL', KEYS[4], id)
    redis.call('HDEL', KEYS[3], tag)
    redis.call('ZREM', KEYS[2], tag)
    local json = '{"status": "REVOKED", "result": {"exc_type": "TaskRevokedError", "exc_message": ["revoked"], ' ..
      '"exc_module": "celery.exceptions"}, "traceback": null, "children": [], "date_done": ' .. cjson.encode(ARGV[3]) ..
      ', "task_id": ' .. cjson.encode(id) .. '}'
    local key = ARGV[1] .. 'celery-task-meta-' .. id
    if tonumber(ARGV[2]) > 0 then redis.call('SET', key, json, 'EX', ARGV[2]) else redis.call('SET', key, json) end
    redis.call('PUBLISH', key, json)
    ended[#ended + 1] = id
  end
end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -tonumber(ARGV[4]) - 1)
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - 10800)
return ended
