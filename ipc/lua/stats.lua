-- Counts for people and metrics.
-- KEYS: unacked, scheduled, dead, workers, paused, then the priority lists of each queue.
-- ARGV: lease in seconds, number of lists of a queue.
-- Returns: unacked, scheduled, dead, fresh workers, the paused queues (flat list of name and since when by whom), then for
-- each queue its depth and when the message next in line was sent (unix ms as text, "" when unknown).
local lists = tonumber(ARGV[2])
local now = tonumber(redis.call('TIME')[1])
local out = {redis.call('HLEN', KEYS[1]), redis.call('ZCARD', KEYS[2]), redis.call('LLEN', KEYS[3]),
             redis.call('ZCOUNT', KEYS[4], now - tonumber(ARGV[1]), '+inf'), redis.call('HGETALL', KEYS[5])}
for q = 6, #KEYS, lists do
  local depth, sent = 0, ''
  for p = 0, lists - 1 do
    local n = redis.call('LLEN', KEYS[q + p])
    if n > 0 and depth == 0 then
      local raw = redis.call('LINDEX', KEYS[q + p], -1)
      if #raw > 65536 then raw = string.sub(raw, 1, 8192) .. string.sub(raw, -16384) end -- before or behind a large body
      sent = string.match(raw, '"sent_at_ms": (%d+)') or ''
    end
    depth = depth + n
  end
  out[#out + 1] = depth
  out[#out + 1] = sent
end
return out
