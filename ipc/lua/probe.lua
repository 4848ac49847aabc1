-- What we need of this Redis, tried on keys and a channel of our own. What is missing is a right that the user of the
-- connection does not have, or a command that the server does not know; anything else that goes wrong (memory, a
-- replica) has its own words elsewhere.
-- KEYS: a string, a list, another list, a hash, a set, a sorted set, the witness. ARGV: a channel, the channel of a
-- result.
-- Returns what the witness counts now (each call adds one: a count that went back is a Redis that went back in time),
-- then the error of each command that is missing, with its name before it.
local s, l, m, h, e, z, witness = unpack(KEYS)
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

try('SET', s, '1', 'EX', 60)
try('GET', s)
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
try('PUBLISH', ARGV[1], '')
try('PUBLISH', ARGV[2], '')
try('UNLINK', l)
try('DEL', s, m, h, e, z)
local count = try('INCR', witness)
try('EXPIRE', witness, 604800)
return {count or 0, unpack(missing)}
