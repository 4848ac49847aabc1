-- What we need of this Redis, tried on keys and channels of our own, and in ways that change nothing on those of the
-- queue. What is missing is a right that the user of the connection does not have, or a command that the server does
-- not know.
-- KEYS: a string, a list, another list, a hash, a set, a sorted set, the witness, a result that no task has; unacked,
-- unacked_index, logikald.registered, logikald.dead, _kombu.binding.celery.pidbox. ARGV: channels, that of
-- the result first.
-- Returns what the witness counts now (each call adds one: a count that went back is a Redis that went back in time),
-- why it could not be raised ("" = it was), then the error of each command that is missing, with its name before it.
local s, l, m, h, e, z, witness, result, unacked, index, registered, dead, binding = unpack(KEYS)
local missing = {}
local function try(...)
  local answer = redis.pcall(...)
  if type(answer) ~= 'table' or not answer.err then return answer end
  local text = string.lower(answer.err)
  for _, sign in ipairs({'noperm', 'permission', "can't run", "can't access", "can't publish", 'unknown'}) do
    if string.find(text, sign, 1, true) then
      missing[#missing + 1] = (...) .. ': ' .. answer.err
      return nil
    end
  end
end

-- First, because a script that has written something is not refused for a lack of memory any more.
local count = redis.pcall('INCR', witness)
try('EXPIRE', witness, 86400)
try('SET', s, '1', 'EX', 60)
try('GET', s)
try('MGET', s)
try('INCR', s)
try('INCRBY', s, 1)
try('EXPIRE', s, 60)
try('PTTL', s)
try('LPUSH', l, 'a', 'b')
try('RPUSH', l, 'c')
try('LLEN', l)
try('LINDEX', l, 0)
try('LRANGE', l, 0, -1)
try('LSET', l, 0, 'a')
try('LREM', l, 1, 'a')
try('LTRIM', l, 0, 9)
try('LMOVE', l, m, 'RIGHT', 'LEFT')
try('BLMOVE', l, m, 'RIGHT', 'LEFT', 1)
try('RPOP', m)
try('HSET', h, 'a', '1', 'b', '2')
try('HSETNX', h, 'c', '3')
try('HINCRBY', h, 'a', 1)
try('HGET', h, 'a')
try('HMGET', h, 'a', 'b')
try('HGETALL', h)
try('HKEYS', h)
try('HLEN', h)
try('HEXISTS', h, 'a')
try('HDEL', h, 'a')
try('SADD', e, 'a')
try('SMEMBERS', e)
try('SREM', e, 'a')
try('ZADD', z, 1, 'a', 2, 'b')
try('ZCARD', z)
try('ZCOUNT', z, 0, 9)
try('ZRANGE', z, 0, -1)
try('ZRANGEBYSCORE', z, 0, 9)
try('ZREVRANGE', z, 0, -1)
try('ZSCORE', z, 'a')
try('ZREM', z, 'a')
try('ZREMRANGEBYRANK', z, 0, 0)
try('ZREMRANGEBYSCORE', z, 0, 9)
try('TIME')
try('HSTRLEN', h, 'b')
try('LPOS', l, 'a')
try('TYPE', s)
try('EXISTS', s)
try('LPOP', l)
try('SET', result, '', 'PX', 1)
try('ZREM', index, '')
try('ZADD', index, 'XX', 0, '')
try('HDEL', unacked, '')
try('HGETALL', registered)
try('LLEN', dead)
try('SMEMBERS', binding)
try('SREM', binding, '')
-- What is not empty is read by whoever listens: on the channel of results all that they take for one. Clients that hear
-- the results of everybody (node-celery) end at an empty one; Celery's monitors pass over empty messages alone.
local waits = '{"task_id": "' .. string.sub(ARGV[1], -36) .. '", "status": "PENDING", "result": null, "traceback": null, "children": []}'
for i, channel in ipairs(ARGV) do try('PUBLISH', channel, i == 1 and waits or '') end
try('UNLINK', l)
try('DEL', s, m, h, e, z)
if type(count) == 'table' then return {0, count.err, unpack(missing)} end
return {count, '', unpack(missing)}
