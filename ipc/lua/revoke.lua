-- Task ids are revoked: remembered for workers that start later, and what waits for its time is ended at once.
-- KEYS: revoked, scheduled, scheduled messages, scheduled ids, history, ended, then the result key of each id.
-- ARGV: seconds results are kept, time (ISO without offset), most ids remembered, ids.
-- Returns the ids that were waiting. What is remembered is kept for a week: a queue may be paused for days. Messages that were
-- ended wait in "ended" for a worker that writes the history of tasks: time (ms), list, message, split by line feeds; at most
-- 10 000 of up to 64 KiB.
local now = tonumber(redis.call('TIME')[1])
local ended = {}
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - 604800)
for i = 4, #ARGV do
  local id = ARGV[i]
  local tag = redis.call('HGET', KEYS[4], id)
  redis.call('ZADD', KEYS[1], now, id)
  -- Somebody else waits for what is part of a group: a worker ends it, and counts it there. It is due once all have heard.
  local is_part = tag and string.find(redis.call('HGET', KEYS[3], tag) or '', '"group": ?"')
  if is_part then
    redis.call('ZADD', KEYS[2], string.format('%.0f', now * 1000 + 1000), tag)
  elseif tag then
    local list, raw = string.match(redis.call('HGET', KEYS[3], tag) or '', '^([^\n]*)\n[^\n]*\n(.*)$')
    if raw then redis.call('HDEL', KEYS[5], redis.sha1hex(raw)) end
    if raw and #raw <= 65536 then
      redis.call('LPUSH', KEYS[6], string.format('%.0f', now * 1000) .. '\n' .. list .. '\n' .. raw)
    end
    redis.call('HDEL', KEYS[4], id)
    redis.call('HDEL', KEYS[3], tag)
    redis.call('ZREM', KEYS[2], tag)
    local json = '{"status": "REVOKED", "result": {"exc_type": "TaskRevokedError", "exc_message": ["revoked"], ' ..
      '"exc_module": "celery.exceptions"}, "traceback": null, "children": [], "date_done": ' .. cjson.encode(ARGV[2]) ..
      ', "task_id": ' .. cjson.encode(id) .. '}'
    local key = KEYS[i + 3]
    if tonumber(ARGV[1]) > 0 then redis.call('SET', key, json, 'EX', ARGV[1]) else redis.call('SET', key, json) end
    redis.pcall('PUBLISH', key, json)
    ended[#ended + 1] = id
  end
end
if #ended > 0 then
  redis.call('LTRIM', KEYS[6], 0, 9999)
  redis.call('EXPIRE', KEYS[6], 86400)
end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -tonumber(ARGV[3]) - 1)
redis.call('EXPIRE', KEYS[1], 604800)
return ended
