-- with shown.part
-- Goes over a part of what waits, is scheduled or dead, and shows or changes what matches. The caller goes on with what is
-- answered until nothing is left, so no call takes long however much there is.
-- KEYS: waiting: one list. scheduled: zset, messages, ids. dead: the list, history.
-- ARGV: view, action ("look", "cancel", "retry", "delete"), text in lower case ("" = all), offset, how many are left to look at
--       ("" at first), how many now, how many entries are wanted back, queue (of a waiting list), prefix of keys, result
--       prefix, seconds results are kept, time (ISO without offset), letter ("" = any: else the SHA-1 of a dead letter).
-- Looking begins with the next in line (the newest dead letter). Changing begins where nothing is taken away meanwhile, so
-- that it passes over nothing: at the far end; dead letters: at the oldest, and no more of them than there were at first,
-- for what is retried may be dead again at once.
-- What is part of a group is not cancelled here: a chord may wait for it, and only a worker has read what the chord is. Its
-- id is told, and the caller revokes it.
-- Returns {offset, left, matched, then the entries as in view.lua; when cancelling, the ids that are to be revoked}. Text is looked for in id, task, queue and reason.
local view, action, text, offset = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local count, wanted, queue = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local is_look = action == 'look'
local out, matched, gone = {0, 0, 0}, 0, 0
local is_plain = string.match(text, '^[%w._-]+$') ~= nil
local sight = 16777216 -- bytes that are looked at now

local function has(value)
  return type(value) == 'string' and string.find(string.lower(value), text, 1, true) ~= nil
end
local function decode(raw)
  local ok, value = pcall(cjson.decode, raw)
  return ok and type(value) == 'table' and value or {}
end
local function table_of(value) return type(value) == 'table' and value or {} end
-- Of a large message what can be told without reading all of it, if that can be found.
local function brief(raw) return #raw > 65536 and envelope(raw, 1, #raw) or raw end
-- Id and task; of a message in Celery's old form only the id is at hand.
local function head(raw)
  local message = decode(brief(raw))
  local headers = table_of(message.headers)
  return headers.id or table_of(message.properties).correlation_id, headers.task, headers.ignore_result == true
end
local function matches_message(raw, its_queue)
  if text == '' or has(its_queue) then return true end
  if is_plain and not has(brief(raw)) then return false end
  local id, task = head(raw)
  return has(id) or has(task)
end
local ended = 0
local function revoke(raw, list)
  local id, _, is_ignored = head(raw)
  if #raw <= 65536 then -- as in revoke.lua
    local now = redis.call('TIME')
    ended = redis.call('LPUSH', ARGV[9] .. 'logikald.ended',
      string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000)) .. '\n' .. list .. '\n' .. raw)
  end
  if type(id) ~= 'string' or is_ignored then return id end
  local json = '{"status": "REVOKED", "result": {"exc_type": "TaskRevokedError", "exc_message": ["revoked"], ' ..
    '"exc_module": "celery.exceptions"}, "traceback": null, "children": [], "date_done": ' .. cjson.encode(ARGV[12]) ..
    ', "task_id": ' .. cjson.encode(id) .. '}'
  local key = ARGV[10] .. 'celery-task-meta-' .. id
  if tonumber(ARGV[11]) > 0 then redis.call('SET', key, json, 'EX', ARGV[11]) else redis.call('SET', key, json) end
  redis.call('PUBLISH', key, json)
  return id
end
-- True when it is left to the workers.
local function leave(raw)
  if not string.find(raw, '"group": ?"') then return false end
  local id = head(raw)
  if type(id) ~= 'string' then return false end
  out[#out + 1] = id
  return true
end
-- It matches; true when it is to be shown.
local function is_wanted()
  matched = matched + 1
  return matched <= wanted
end
local function show(...)
  for i = 1, select('#', ...) do out[#out + 1] = select(i, ...) end
end

-- A list's entries are marked where they are, and taken out together.
local gone_mark = '\0gone ' .. redis.sha1hex(ARGV[12])
local function sweep_list(at, handle)
  local entry = redis.call('LINDEX', KEYS[1], at)
  sight = sight - #entry
  if handle(entry) then
    redis.call('LSET', KEYS[1], at, gone_mark)
    gone = gone + 1
  end
end

if view == 'waiting' then
  local n, looked = redis.call('LLEN', KEYS[1]), 0
  if is_look then
    for i = n - offset - 1, math.max(0, n - offset - count), -1 do
      local raw = redis.call('LINDEX', KEYS[1], i)
      if matches_message(raw, queue) and is_wanted() then show('0', shown(raw)) end
      looked, sight = looked + 1, sight - #raw
      if sight <= 0 then break end
    end
    out[1] = offset + looked
  elseif n > 0 then
    for i = offset, math.min(n, offset + count) - 1 do
      sweep_list(i, function(raw)
        if not matches_message(raw, queue) then return false end
        matched = matched + 1
        if leave(raw) then return false end
        revoke(raw, KEYS[1])
        return true
      end)
      looked = looked + 1
      if sight <= 0 then break end
    end
    out[1] = offset + looked - gone
    if gone > 0 then redis.call('LREM', KEYS[1], gone, gone_mark) end
  end
  out[2] = out[1] < n - gone and 1 or 0
elseif view == 'scheduled' then
  local page = redis.call(is_look and 'ZRANGE' or 'ZREVRANGE', KEYS[1], offset, offset + count - 1, 'WITHSCORES')
  local looked = 0
  for i = 1, #page, 2 do
    if sight <= 0 then break end
    local entry = redis.call('HGET', KEYS[2], page[i]) or ''
    local list, id, from = split_scheduled(entry)
    local raw = list and string.sub(entry, from)
    looked, sight = looked + 1, sight - #entry
    if raw and matches_message(raw, string.match(list, '^([^\6]*)')) then
      if is_wanted() and is_look then show(page[i], page[i + 1], shown_scheduled(entry)) end
      if not is_look and not leave(raw) then
        revoke(raw, list)
        redis.call('ZREM', KEYS[1], page[i])
        redis.call('HDEL', KEYS[2], page[i])
        redis.call('HDEL', KEYS[3], id)
        gone = gone + 1
      end
    end
  end
  out[1] = offset + looked - gone
  out[2] = out[1] < redis.call('ZCARD', KEYS[1]) and 1 or 0
else
  local n = redis.call('LLEN', KEYS[1])
  local left = ARGV[5] == '' and n or tonumber(ARGV[5])
  count = math.min(count, left, n - offset)
  local looked = 0
  local function matches(entry)
    if ARGV[13] ~= '' then return redis.sha1hex(entry) == ARGV[13] end
    if text == '' then return true end
    if is_plain and not has(entry) then return false end
    local dead = decode(entry)
    return has(dead.id) or has(dead.task) or has(dead.queue) or has(dead.reason)
  end
  local function handle(entry)
    if not matches(entry) then return false end
    local dead = decode(entry)
    if action == 'retry' then
      local list = type(dead.list) == 'string' and dead.list or type(dead.queue) == 'string' and ARGV[9] .. dead.queue
      if type(dead.message) ~= 'string' or not list or list == ARGV[9] then return false end
      redis.call('LPUSH', list, dead.message)
    end
    if type(dead.message) == 'string' then redis.call('HDEL', KEYS[2], redis.sha1hex(dead.message)) end
    matched = matched + 1
    return true
  end
  while looked < count and sight > 0 do
    if is_look then
      local entry = redis.call('LINDEX', KEYS[1], offset + looked)
      sight = sight - #entry
      if matches(entry) and is_wanted() then show(shown_dead(entry), redis.sha1hex(entry)) end
    else -- the oldest first: it was first in its queue
      sweep_list(n - offset - 1 - looked, handle)
    end
    looked = looked + 1
  end
  if gone > 0 then redis.call('LREM', KEYS[1], -gone, gone_mark) end
  out[1] = offset + looked - gone
  out[2] = looked > 0 and left - looked or 0
end
if ended > 0 then
  redis.call('LTRIM', ARGV[9] .. 'logikald.ended', 0, 9999)
  redis.call('EXPIRE', ARGV[9] .. 'logikald.ended', 86400)
end
out[3] = matched
return out
