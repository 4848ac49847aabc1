-- Does nothing, in all the ways in which the other scripts do something: what the server refuses this user shows.
-- KEYS: unacked, unacked_index, logikald.registered, logikald.dead, _kombu.binding.celery.pidbox, a result key that no task
--       has, a list that no queue has.
-- ARGV: channels.
-- Returns the errors, a line each ("" = nothing is refused).
local errors = {}
local function try(...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err then
    local words = {...}
    errors[#errors + 1] = words[1] .. ' ' .. tostring(words[2]) .. ': ' .. answer.err
  end
end
try('ZREM', KEYS[2], '')
try('ZMSCORE', KEYS[2], '')
try('ZADD', KEYS[2], 'XX', 0, '')
try('HDEL', KEYS[1], '')
try('HSTRLEN', KEYS[1], '')
try('HMGET', KEYS[3], '')
try('HGETALL', KEYS[3])
try('LTRIM', KEYS[7], 0, 0)
try('RPOP', KEYS[7])
try('LPOS', KEYS[7], '')
try('LREM', KEYS[7], 1, '')
try('LLEN', KEYS[4])
try('SMEMBERS', KEYS[5])
try('SREM', KEYS[5], '')
try('SET', KEYS[6], '', 'PX', 1)
try('HSET', KEYS[7], 'a', '')
try('DEL', KEYS[7])
try('LPUSH', KEYS[7], '')
try('RPUSH', KEYS[7], '')
try('DEL', KEYS[7])
for _, channel in ipairs(ARGV) do try('PUBLISH', channel, '') end
return table.concat(errors, '\n')
