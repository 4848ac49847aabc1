-- What the diagnostic task `effect` does: counts once for each run, however often the run asks for it because an answer
-- did not come.
-- KEYS: counter, runs that are counted.
-- ARGV: the run.
-- Returns the counter.
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 then return tonumber(redis.call('GET', KEYS[1]) or 0) end
local value = redis.call('INCR', KEYS[1]) -- fails before anything is noted
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('EXPIRE', KEYS[2], 86400)
return value
