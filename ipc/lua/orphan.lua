-- One orphan goes back to its list, if it is still the one that was seen.
-- KEYS: unacked, unacked_index, list ("" as ARGV[3]: there is none, only the index entry without a message goes).
-- ARGV: tag, its score as it was seen, message.
-- Returns 1, or 0 when it has been renewed, acknowledged or put back since.
if redis.call('ZSCORE', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
if ARGV[3] ~= '' then
  local before = redis.call('LLEN', KEYS[3])
  redis.call('ZREM', KEYS[2], '') -- see finish.lua
  if redis.call('RPUSH', KEYS[3], ARGV[3]) ~= before + 1 then return 0 end
end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
