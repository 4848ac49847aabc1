-- A page of messages for people.
-- KEYS: waiting: the four priority lists of a queue. unacked: unacked, unacked_index, workers, deliveries.
--       scheduled: zset, messages. dead: the list. workers: the zset.
-- ARGV: view, offset, limit, prefix of per-worker keys ("held" hashes for unacked, descriptions for workers).
-- Returns a flat list; each entry is: waiting: priority, message. unacked: tag, time, entry, worker, deliveries.
-- scheduled: tag, due, entry. dead: entry, its SHA-1. workers: id, time, description.
local view, offset, limit, prefix = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local out = {}
local function add(...)
  for i = 1, select('#', ...) do out[#out + 1] = select(i, ...) or '' end
end

if view == 'waiting' then
  for p = 1, 4 do
    local n = redis.call('LLEN', KEYS[p])
    if offset < n and limit > 0 then
      local page = redis.call('LRANGE', KEYS[p], math.max(0, n - offset - limit), n - offset - 1)
      for i = #page, 1, -1 do add(tostring((p - 1) * 3), page[i]) end
      limit = limit - #page
    end
    offset = math.max(0, offset - n)
  end
elseif view == 'unacked' then
  local workers = redis.call('ZRANGE', KEYS[3], 0, -1)
  local page = redis.call('ZRANGE', KEYS[2], offset, offset + limit - 1, 'WITHSCORES')
  for i = 1, #page, 2 do
    local owner = ''
    for _, w in ipairs(workers) do
      if redis.call('HEXISTS', prefix .. w, page[i]) == 1 then owner = w break end
    end
    add(page[i], page[i + 1], redis.call('HGET', KEYS[1], page[i]), owner, redis.call('HGET', KEYS[4], page[i]))
  end
elseif view == 'scheduled' then
  local page = redis.call('ZRANGE', KEYS[1], offset, offset + limit - 1, 'WITHSCORES')
  for i = 1, #page, 2 do add(page[i], page[i + 1], redis.call('HGET', KEYS[2], page[i])) end
elseif view == 'dead' then
  for _, entry in ipairs(redis.call('LRANGE', KEYS[1], offset, offset + limit - 1)) do add(entry, redis.sha1hex(entry)) end
elseif view == 'workers' then
  local page = redis.call('ZREVRANGE', KEYS[1], offset, offset + limit - 1, 'WITHSCORES')
  for i = 1, #page, 2 do add(page[i], page[i + 1], redis.call('GET', prefix .. page[i])) end
end
return out
