-- Messages that were taken and neither acknowledged nor renewed for as long as the visibility timeout. What is to be done
-- with each is decided by who asks; orphan.lua does it.
-- KEYS: unacked, unacked_index. ARGV: visibility timeout (s), most, most bytes.
-- Returns for each: tag, score, entry.
local now = tonumber(redis.call('TIME')[1])
local page = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - tonumber(ARGV[1]), 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local out, bytes = {}, tonumber(ARGV[3])
for i = 1, #page, 2 do
  local entry = redis.call('HGET', KEYS[1], page[i]) or ''
  bytes = bytes - #entry
  if i > 1 and bytes < 0 then break end
  out[#out + 1], out[#out + 2], out[#out + 3] = page[i], page[i + 1], entry
end
return out
