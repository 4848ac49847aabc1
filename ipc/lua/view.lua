-- with shown.part
-- A page of messages for people.
-- KEYS: waiting: the priority lists of a queue. unacked: unacked, unacked_index, registered, history, descriptions.
--       scheduled: zset, messages. dead: the list. workers: the zset, descriptions.
-- ARGV: view, offset, limit.
-- Returns a flat list; each entry is: waiting: number of its list from 0, message. unacked: tag, time, entry, worker, deliveries, when its
-- worker says that it began (unix ms).
-- scheduled: tag, due, entry. dead: entry, its SHA-1. workers: id, time, description.
local view, offset, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local out = {}
local function add(...)
  for i = 1, select('#', ...) do out[#out + 1] = select(i, ...) or '' end
end

if view == 'waiting' then
  for p = 1, #KEYS do
    local n = redis.call('LLEN', KEYS[p])
    for i = n - offset - 1, math.max(0, n - offset - limit), -1 do
      add(tostring(p - 1), shown(look_at('LINDEX', KEYS[p], i)))
      limit = limit - 1
    end
    offset = math.max(0, offset - n)
  end
elseif view == 'unacked' then
  -- A tag begins with the epoch of whoever holds it.
  local owner, all = {}, redis.call('HGETALL', KEYS[3])
  for i = 1, #all, 2 do owner[string.match(all[i + 1], '^%S+')] = all[i] end
  local began = {}
  for _, about in ipairs(redis.call('HVALS', KEYS[5])) do
    local is_json, one = pcall(cjson.decode, about)
    if is_json and type(one) == 'table' and type(one.began) == 'table' then
      for tag, at in pairs(one.began) do began[tag] = type(at) == 'string' and at or nil end
    end
  end
  local has_history = redis.call('HLEN', KEYS[4]) > 0
  local page = redis.call('ZRANGE', KEYS[2], offset, offset + limit - 1, 'WITHSCORES')
  for i = 1, #page, 2 do
    local entry, count = look_at('HGET', KEYS[1], page[i]), false
    local raw = has_history and string.match(entry or '', '^%[(.*), "[^"]*", "[^"]*"%]$')
    if raw then count = string.match(redis.call('HGET', KEYS[4], redis.sha1hex(raw)) or '', '^%d+') end
    add(page[i], page[i + 1], shown_unacked(entry), owner[string.match(page[i], '^(.*)%.%d+$') or ''], count, began[page[i]])
  end
elseif view == 'scheduled' then
  local page = redis.call('ZRANGE', KEYS[1], offset, offset + limit - 1, 'WITHSCORES')
  for i = 1, #page, 2 do
    add(page[i], page[i + 1], shown_scheduled(look_at('HGET', KEYS[2], page[i])))
  end
elseif view == 'dead' then
  for i = offset, math.min(redis.call('LLEN', KEYS[1]), offset + limit) - 1 do
    local entry = look_at('LINDEX', KEYS[1], i)
    add(shown_dead(entry), entry and redis.sha1hex(entry))
  end
elseif view == 'workers' then
  local page = redis.call('ZREVRANGE', KEYS[1], offset, offset + limit - 1, 'WITHSCORES')
  for i = 1, #page, 2 do add(page[i], page[i + 1], redis.call('HGET', KEYS[2], page[i])) end
end
return out
