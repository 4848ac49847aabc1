-- A paused queue is served again; the workers hear of it at once.
-- KEYS: paused.
-- ARGV: queue, channel.
-- Returns 1, or 0 when it was not paused.
local was = redis.call('HDEL', KEYS[1], ARGV[1])
if was == 1 then redis.call('PUBLISH', ARGV[2], ARGV[1]) end
return was
