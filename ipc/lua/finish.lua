-- What became of messages: follow-ups sent, messages acknowledged, states stored and published, all of a message in one
-- step - and only while it is still this worker's. Two fences: the epoch (a worker that was taken for dead has lost it),
-- and the tag, which stands for one delivery.
-- A batch is done once: its name and its answer are kept in the worker's slot until the slot's next batch, so a batch whose
-- answer was lost is sent again, and answered from there.
-- KEYS: unacked, unacked_index, held, history, dead, scheduled, scheduled messages, scheduled ids, registered, done, then
--       keys that items name by their number.
-- ARGV: worker, its epoch, slot ("" = not to be kept: states before the end), name of the batch, seconds a result is
--       kept (0 = for ever), most dead letters kept, then items of: tag, flags, operands in this order:
--   m: mark                       note it at the held message (a worker's death then counts as a delivery)
--   p: n, n times list, message   send (lists by number of key)
--   r: delay ms, tag, list, id, message, 1 or 0   schedule; 1 = monitors have heard of it (noted in its history)
--   x: dead letter                keep it
--   a:                            acknowledge
--   d: SHA-1                      forget the message's history
--   s: result key, JSON           store and publish (a stored SUCCESS is never overwritten)
--   c: n, n times key, JSON       the same for the rest of its chain, which will not run
-- In a full Redis a script may write once it has taken something away. So it acknowledges before it stores, and a result
-- that is larger than what its message leaves free becomes a FAILURE that says so.
-- Returns {a digit for each item, why a result was not told ("" = all were), why an item could not be done ("" ...)} with
-- the digits 1 = done, 0 = it is not this worker's, 2 = done, but the result was not kept, 3 = refused, nothing was done;
-- or -1 = the epoch is over.
local slot, batch, expiry, dead_cap = ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local at, items, tags = 7, {}, {}
local function operand()
  at = at + 1
  return ARGV[at - 1]
end
local function key() return KEYS[tonumber(operand())] end
local function has(flags, letter) return string.find(flags, letter, 1, true) ~= nil end
while at <= #ARGV do
  local item = {tag = operand(), flags = operand()}
  if has(item.flags, 'm') then item.mark = operand() end
  if has(item.flags, 'p') then
    item.sends = {}
    for i = 1, tonumber(operand()) do item.sends[i] = {key(), operand()} end
  end
  if has(item.flags, 'r') then item.later = {operand(), operand(), key(), operand(), operand(), operand()} end
  if has(item.flags, 'x') then item.dead = operand() end
  if has(item.flags, 'd') then item.sha = operand() end
  if has(item.flags, 's') then item.key, item.json = key(), operand() end
  if has(item.flags, 'c') then
    item.rest = {}
    for i = 1, tonumber(operand()) do item.rest[i] = {key = key(), json = operand(), freed = 0} end
  end
  items[#items + 1], tags[#tags + 1] = item, item.tag
end

if slot ~= '' then
  local name, digits = string.match(redis.call('HGET', KEYS[10], slot) or '', '^(%S+) (%d+)$')
  if name == batch and #digits == #items then return {digits, '', ''} end
end
if string.match(redis.call('HGET', KEYS[9], ARGV[1]) or '', '^%S+') ~= ARGV[2] then return -1 end

local owned, scores = redis.call('HMGET', KEYS[3], unpack(tags)), redis.call('ZMSCORE', KEYS[2], unpack(tags))
-- Keys of a wrong type show themselves before anything is changed.
redis.call('HLEN', KEYS[1])
local is_full = false
if slot ~= '' then
  local noted = redis.pcall('HSET', KEYS[10], slot, batch .. ' ')
  is_full = type(noted) == 'table' and noted.err ~= nil
  if is_full and not string.find(noted.err, 'OOM', 1, true) then return noted end
end
-- Nothing, but the script has written now: what follows is not refused for want of memory; and rights are missed here.
redis.call('ZREM', KEYS[2], '')
redis.call('HDEL', KEYS[1], '')

local problem, unheard = '', ''
local function try(...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err then
    problem = answer.err
    return false
  end
  return true
end
local function send_all(sends)
  for i, send in ipairs(sends) do
    if not try('LPUSH', send[1], send[2]) then
      for k = 1, i - 1 do redis.call('LPOP', sends[k][1]) end
      return false
    end
  end
  return true
end
local time = redis.call('TIME')
local function schedule(later)
  local due = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + tonumber(later[1])
  local entry = later[3] .. '\n' .. later[4] .. '\n' .. later[5]
  if not (try('HSET', KEYS[7], later[2], entry) and try('ZADD', KEYS[6], string.format('%.0f', due), later[2])) then
    redis.pcall('HDEL', KEYS[7], later[2])
    return false
  end
  redis.pcall('HSET', KEYS[8], later[4], later[2])
  if later[6] == '1' then
    local sha = redis.sha1hex(later[5])
    local noted = redis.pcall('HGET', KEYS[4], sha)
    if type(noted) ~= 'string' then noted = '0' end
    if not has(noted, 'r') then redis.pcall('HSET', KEYS[4], sha, noted .. 'r') end
    redis.pcall('EXPIRE', KEYS[4], 604800)
  end
  return true
end
local function unschedule(later)
  redis.pcall('ZREM', KEYS[6], later[2])
  redis.pcall('HDEL', KEYS[7], later[2])
  redis.pcall('HDEL', KEYS[8], later[4])
end
-- All of it or nothing.
local function hand_on(item)
  if item.later and not schedule(item.later) then return false end
  if not item.sends or send_all(item.sends) then
    if not item.dead or try('LPUSH', KEYS[5], item.dead) then return true end
    for k = #(item.sends or {}), 1, -1 do redis.call('LPOP', item.sends[k][1]) end
  end
  if item.later then unschedule(item.later) end
  return false
end
local function store(item)
  local stored = redis.pcall('GET', item.key)
  if type(stored) == 'string' and string.find(stored, '^{"status": ?"SUCCESS"') then return '1' end
  local json, digit = item.json, '1'
  if is_full and #json > item.freed + 1024 then
    json = '{"status": "FAILURE", "result": {"exc_type": "BackendStoreError", "exc_message": ["the result of ' .. #json ..
      ' bytes was not kept: Redis is full"], "exc_module": "celery.exceptions"}, "traceback": null, "children": [], ' ..
      '"date_done": null, "task_id": ' .. cjson.encode(string.match(item.key, 'celery%-task%-meta%-(.*)$') or '') .. '}'
    digit, problem = '2', 'Redis is full'
  end
  if expiry > 0 then digit = try('SET', item.key, json, 'EX', expiry) and digit or '2'
  else digit = try('SET', item.key, json) and digit or '2' end
  local told = redis.pcall('PUBLISH', item.key, json)
  if type(told) == 'table' and told.err then unheard = told.err end
  return digit
end

local digits, acked, entries, forgotten = {}, {}, {}, {}
for i, item in ipairs(items) do
  local is_mine = owned[i] and scores[i]
  digits[i] = is_mine and '1' or '0'
  if is_mine and not hand_on(item) then
    digits[i], is_mine = '3', false
  end
  if is_mine then
    if item.mark then try('HSET', KEYS[3], item.tag, item.mark .. string.sub(owned[i], 2)) end
    if item.dead then redis.pcall('LTRIM', KEYS[5], 0, dead_cap - 1) end
    item.freed = is_full and redis.call('HSTRLEN', KEYS[1], item.tag) or 0
    if has(item.flags, 'a') then acked[#acked + 1] = item.tag end
    if item.sha then forgotten[#forgotten + 1] = item.sha end
  end
end
if #acked > 0 then
  redis.call('ZREM', KEYS[2], unpack(acked))
  redis.call('HDEL', KEYS[1], unpack(acked))
  redis.call('HDEL', KEYS[3], unpack(acked))
end
if #forgotten > 0 then redis.call('HDEL', KEYS[4], unpack(forgotten)) end
for i, item in ipairs(items) do
  if digits[i] == '1' then
    if item.json then digits[i] = store(item) end
    for _, one in ipairs(item.rest or {}) do if store(one) == '2' then digits[i] = '2' end end
  end
end
local answer = table.concat(digits)
if slot ~= '' then
  redis.call('HSET', KEYS[10], slot, batch .. ' ' .. answer)
  redis.pcall('EXPIRE', KEYS[10], 86400)
end
return {answer, unheard, problem}
