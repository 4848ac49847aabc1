-- What became of messages: follow-ups sent, messages acknowledged, states stored and published, all of a message in one
-- step - and only while it is still this worker's. Two fences: the epoch (a worker that was taken for dead has lost it),
-- and the tag, which stands for one delivery.
-- A batch is done once: its name and its answer are kept in the worker's slot until the slot's next batch, so a batch whose
-- answer was lost is sent again, and answered from there.
-- KEYS: unacked, unacked_index, held, history, dead, scheduled, scheduled messages, scheduled ids, registered, done, then
--       keys of the items, in the order in which these name them.
-- ARGV: worker, its epoch, slot ("" = not to be kept: states before the end), name of the batch, seconds a result is
--       kept (0 = for ever), most dead letters kept, marks of the batch (l: it may have been done, look; t: the slots' time
--       begins anew), then items of: tag, flags, operands in this order (those that are keys
--       are not among them, but the next of KEYS):
--   m: mark                       note it at the held message (a worker's death then counts as a delivery)
--   p: n, n times list, message   send
--   v: n, n times key, value      set, for as long as results are kept
--   r: delay ms, tag, list, id, message, mark     schedule; 0 = no mark, 1 = monitors have heard of it, 2 = its time comes
--                                 by this clock, whatever its eta says (both noted in its history)
--   x: dead letter                keep it
--   a:                            acknowledge
--   d: SHA-1                      forget the message's history
--   s: result key, JSON           store and publish (a stored SUCCESS is never overwritten)
--   c: n, n times key, JSON       the same for the rest of its chain, which will not run
--   k: n, n times key, JSON       parts of chords have ended: see services/runner/chord.c
-- In a full Redis a script may write once it has taken something away. So it acknowledges before it stores, and a result
-- that is larger than what its message leaves free becomes a FAILURE that says so.
-- Returns {a digit for each item, why a result was not told ("" = all were), why an item could not be done ("" ...)} with
-- the digits 1 = done, 0 = it is not this worker's, 2 = done, but the result was not kept, 3 = refused, nothing was done;
-- or -1 = the epoch is over.
local slot, batch, expiry, dead_cap = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local marks, at, next_key = ARGV[7], 8, 11
local function operand()
  at = at + 1
  return ARGV[at - 1]
end
local function key()
  next_key = next_key + 1
  return KEYS[next_key - 1]
end
local function readers()
  local function list_of(one)
    local list = {}
    for i = 1, tonumber(operand()) do list[i] = one() end
    return list
  end
  local function pair() return {key(), operand()} end
  return {
    m = function(item) item.mark = operand() end,
    p = function(item) item.sends = list_of(pair) end,
    v = function(item) item.sets = list_of(pair) end,
    r = function(item) item.later = {operand(), operand(), key(), operand(), operand(), operand()} end,
    x = function(item) item.dead = operand() end,
    a = function(item) item.is_over = true end,
    d = function(item) item.sha = operand() end,
    s = function(item) item.key, item.json = key(), operand() end,
    c = function(item) item.rest = list_of(function() return {key = key(), json = operand()} end) end,
    k = function(item) item.keys, item.parts = list_of(key), operand() end
  }
end
-- Most items are plain (as, a): acknowledged, stored, and no more. Of these items[n] is false.
local tags, keys, results, items, read = {}, {}, {}, {}, nil
local is_plain = true
while at <= #ARGV do
  local n, flags = #tags + 1, ARGV[at + 1]
  tags[n], keys[n], results[n], items[n] = ARGV[at], false, false, false
  at = at + 2
  if flags == 'as' then
    keys[n], results[n] = KEYS[next_key], ARGV[at]
    at, next_key = at + 1, next_key + 1
  elseif flags ~= 'a' then
    local item = {tag = tags[n]}
    is_plain = false
    read = read or readers()
    for letter in string.gmatch(flags, '.') do read[letter](item) end
    keys[n], results[n], items[n] = item.key or false, item.json or false, item
  end
end

if slot ~= '' and string.find(marks, 'l', 1, true) then
  local name, digits = string.match(redis.call('HGET', KEYS[10], slot) or '', '^(%S+) (%d+)$')
  if name == batch and #digits == #tags then return {digits, '', ''} end
end
if string.match(redis.call('HGET', KEYS[9], ARGV[1]) or '', '^%S+') ~= ARGV[2] then return -1 end

-- A message's place in the index says that nobody has taken it away. That of a plain one shows when it is taken out.
local owned, there = redis.call('HMGET', KEYS[3], unpack(tags)), {}
for i, item in ipairs(items) do there[i] = not item or redis.call('ZSCORE', KEYS[2], item.tag) end
-- What the slot will say when all goes well, of a batch of plain ones, for which little can go wrong: then it is written once.
local hoped = batch .. ' ' .. (is_plain and string.rep('1', #tags) or '')
local is_full, is_new = false, false
if slot ~= '' then
  local noted = redis.pcall('HSET', KEYS[10], slot, hoped)
  is_new = noted == 1
  is_full = type(noted) == 'table' and noted.err ~= nil
  if is_full and not string.find(noted.err, 'OOM', 1, true) then return noted end
end
-- Nothing has been changed yet: it is refused as a whole.
local function refuse(answer)
  if slot ~= '' then redis.pcall('HDEL', KEYS[10], slot) end
  return answer
end
-- Nothing, but the script has written now: what follows is not refused for want of memory; and rights are missed, and keys
-- of a wrong type show themselves, here, before anything is changed. Plain ones are taken out of the index first: it shows then.
local checked = redis.pcall('HDEL', KEYS[1], '')
if checked == 0 and not is_plain then checked = redis.pcall('ZREM', KEYS[2], '') end
if checked ~= 0 then return refuse(checked) end

local problem, unheard = '', ''
local function try(...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err then
    problem = answer.err
    return false
  end
  return true
end
local function set(name, value)
  if expiry ~= '0' then return try('SET', name, value, 'EX', expiry) end
  return try('SET', name, value)
end

-- What items hand on. Most have nothing, and a script that makes all its functions each time costs a single task much of its time.
local function hander()
  -- What was done to hand an item on, backwards, when a part of it was refused.
  local function send(list, message, undo)
    if not try('LPUSH', list, message) then return false end
    undo[#undo + 1] = function() redis.pcall('LPOP', list) end
    return true
  end
  local function send_all(sends, undo)
    for _, one in ipairs(sends or {}) do
      if not send(one[1], one[2], undo) then return false end
    end
    return true
  end
  local function set_all(sets)
    for _, one in ipairs(sets or {}) do
      if not set(one[1], one[2]) then return false end
    end
    return true
  end
  local function schedule(later)
    local time = redis.call('TIME')
    local due = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + tonumber(later[1])
    local entry = later[3] .. '\n' .. later[4] .. '\n' .. later[5]
    if not (try('HSET', KEYS[7], later[2], entry) and try('ZADD', KEYS[6], string.format('%.0f', due), later[2])) then
      redis.pcall('HDEL', KEYS[7], later[2])
      return false
    end
    redis.pcall('HSET', KEYS[8], later[4], later[2])
    local mark = later[6] == '1' and 'r' or later[6] == '2' and 't'
    if mark then
      local sha = redis.sha1hex(later[5])
      local noted = redis.pcall('HGET', KEYS[4], sha)
      if type(noted) ~= 'string' then noted = '0' end
      if not string.find(noted, mark, 1, true) then redis.pcall('HSET', KEYS[4], sha, noted .. mark) end
      redis.pcall('EXPIRE', KEYS[4], 604800)
    end
    return true
  end
  local function unschedule(later)
    redis.pcall('ZREM', KEYS[6], later[2])
    redis.pcall('HDEL', KEYS[7], later[2])
    redis.pcall('HDEL', KEYS[8], later[4])
  end

  -- Chords: as Celery's Redis backend counts them. What the results are put into is text; nothing is parsed and written anew.
  local function put_into(text, token, value)
    local from, to = string.find(text, token, 1, true)
    return from and string.sub(text, 1, from - 1) .. value .. string.sub(text, to + 1) or text
  end
  local function repr(value)
    if type(value) == 'string' then
      local quote = string.find(value, "'", 1, true) and not string.find(value, '"', 1, true) and '"' or "'"
      value = string.gsub(value, '\\', '\\\\')
      value = string.gsub(string.gsub(string.gsub(value, '\n', '\\n'), '\r', '\\r'), '\t', '\\t')
      if quote == "'" then value = string.gsub(value, "'", "\\'") end
      return quote .. value .. quote
    end
    if type(value) == 'boolean' then return value and 'True' or 'False' end
    if type(value) == 'number' then return string.format('%.14g', value) end
    return value == cjson.null and 'None' or cjson.encode(value)
  end
  local function repr_exception(json)
    local ok, e = pcall(cjson.decode, json)
    if not ok or type(e) ~= 'table' or type(e.exc_type) ~= 'string' then return json end
    local args = {}
    for i, arg in ipairs(type(e.exc_message) == 'table' and e.exc_message or {e.exc_message}) do args[i] = repr(arg) end
    return e.exc_type .. '(' .. table.concat(args, ', ') .. ')'
  end
  -- The results of all parts as a JSON list, in their order, or in the shape that was saved with the group; or nil, and what
  -- the chord fails of.
  local function results_of(parts, saved)
    local list, by_id = {}, {}
    local shape = type(saved) == 'string' and cjson.decode(saved).result
    for i, part in ipairs(parts) do
      local id, state, result = string.match(part, '^%[%s*1%s*,%s*"(.-)"%s*,%s*"(%u+)"%s*,%s*(.*)%]%s*$')
      if not id then return nil, 'Join error: ' .. part end
      id = cjson.decode('["' .. id .. '"]')[1]
      if state == 'FAILURE' or state == 'REVOKED' then
        return nil, (shape and 'Join error: ' or 'Dependency ' .. id .. ' raised ') .. repr_exception(result)
      end
      list[i], by_id[id] = result, result
    end
    local function shaped(node)
      if type(node[2]) ~= 'table' then return by_id[node[1][1]] or 'null' end
      local inner = {}
      for i, one in ipairs(node[2]) do inner[i] = shaped(one) end
      return '[' .. table.concat(inner, ', ') .. ']'
    end
    return shape and shaped(shape) or '[' .. table.concat(list, ', ') .. ']'
  end
  local count_part
  local function end_chord(item, part, undo, parts, saved)
    local spec = part.spec
    local fail = spec.fail
    local is_fine, results, why = pcall(results_of, parts, saved)
    if not is_fine then results, why = nil, 'Join error: the shape of its results that is kept with the group cannot be read' end
    local function at(pairs)
      local named = {}
      for i, one in ipairs(pairs) do named[i] = {item.keys[one[1]], one[2]} end
      return named
    end
    if results then
      local text = string.sub(cjson.encode(results), 2, -2)
      for _, one in ipairs(spec.push) do one[2] = put_into(one[2], '\\"' .. spec.token .. '\\"', text) end
      return set_all(at(spec.set)) and send_all(at(spec.push), undo)
    end
    why = cjson.encode(why)
    if not set_all(at(fail.set)) or not send_all(at(fail.push), undo) then return false end
    item.rest = item.rest or {}
    for _, one in ipairs(at(fail.result)) do
      item.rest[#item.rest + 1] = {key = one[1], json = put_into(one[2], '"' .. spec.token .. '"', why)}
    end
    local failure = '{"exc_type": "ChordError", "exc_message": [' .. why .. '], "exc_module": "celery.exceptions"}'
    for _, one in ipairs(fail.parts) do
      if not count_part(item, one, failure, undo) then return false end
    end
    return true
  end
  -- How many parts the shape has that was saved with the group. Celery counts them wrongly when it sends a group that stands
  -- at the end of a chain in the header: it puts that group's size in the place of the chord's. That is put right.
  local function size_of(node)
    if type(node[2]) ~= 'table' then return 1 end
    local size = 0
    for _, one in ipairs(node[2]) do size = size + size_of(one) end
    return size
  end
  local function total_of(size, more, saved, size_key)
    local total = type(size) == 'string' and tonumber(size)
    if not total then return nil end
    if type(more) == 'string' then total = total + (tonumber(more) or 0) end
    local is_fine, parts = pcall(function() return size_of(cjson.decode(saved).result) end)
    if type(saved) ~= 'string' or not is_fine or parts == total then return total end
    set(size_key, string.format('%.0f', parts))
    return parts
  end
  -- Kinds of keys that others have made are not held against the task.
  local function is_odd(answer)
    if type(answer) ~= 'table' or not answer.err then return false end
    if string.find(answer.err, 'WRONGTYPE', 1, true) then problem = 'a chord cannot be counted: ' .. answer.err end
    return true
  end
  -- False when something was refused that may go well later.
  local function add_part(part, parts_key, entry, is_list, undo)
    local answer
    if is_list then answer = redis.pcall('RPUSH', parts_key, entry)
    else answer = redis.pcall('ZADD', parts_key, part.index, entry) end
    if is_odd(answer) then
      if string.find(answer.err, 'WRONGTYPE', 1, true) then return true, false end
      problem = answer.err
      return false
    end
    if answer == 0 then return true, false end
    undo[#undo + 1] = function()
      if is_list then redis.pcall('RPOP', parts_key) else redis.pcall('ZREM', parts_key, entry) end
    end
    return true, true
  end
  local function is_counted(part, parts_key)
    local prefix = '[1, ' .. part.id .. ', '
    local there = part.index ~= '+inf' and redis.pcall('ZRANGEBYSCORE', parts_key, part.index, part.index) or {}
    for _, one in ipairs(there) do
      if string.sub(one, 1, #prefix) == prefix then return true end
    end
    return false
  end
  function count_part(item, part, failure, undo)
    local parts_key, more_key = item.keys[part.k[1]], item.keys[part.k[2]]
    local size_key, group_key = item.keys[part.k[3]], item.keys[part.k[4]]
    local entry = '[1, ' .. part.id .. ', "' .. part.state .. '", ' .. (part.result or failure) .. ']'
    local kind = redis.pcall('TYPE', parts_key)
    if is_odd(kind) then
      problem = kind.err
      return false
    end
    local is_list = kind.ok == 'list'
    if not is_list and is_counted(part, parts_key) then return true end
    local is_fine, is_new = add_part(part, parts_key, entry, is_list, undo)
    if not is_new then return is_fine end
    if expiry ~= '0' then for i = 1, 3 do redis.pcall('EXPIRE', item.keys[part.k[i]], expiry) end end
    local size, more = redis.pcall('GET', size_key), redis.pcall('GET', more_key)
    local count = redis.pcall(is_list and 'LLEN' or 'ZCARD', parts_key)
    local parts = redis.pcall(is_list and 'LRANGE' or 'ZRANGE', parts_key, 0, 0)
    local saved = redis.pcall('GET', group_key)
    for _, answer in ipairs({size, more, count, parts, saved}) do
      if is_odd(answer) then
        problem = answer.err
        return string.find(answer.err, 'WRONGTYPE', 1, true) ~= nil
      end
    end
    if count ~= total_of(size, more, saved, size_key) then return true end
    parts = redis.call(is_list and 'LRANGE' or 'ZRANGE', parts_key, 0, -1)
    item.over = item.over or {}
    for i = 1, 3 do item.over[#item.over + 1] = item.keys[part.k[i]] end
    return end_chord(item, part, undo, parts, saved)
  end

  -- All of it or nothing.
  local function hand_on_all(item, undo)
    if item.later then
      if not schedule(item.later) then return false end
      undo[1] = function() unschedule(item.later) end
    end
    if not set_all(item.sets) or not send_all(item.sends, undo) then return false end
    for _, part in ipairs(item.parts and cjson.decode(item.parts) or {}) do
      if not count_part(item, part, 'null', undo) then return false end
    end
    return not item.dead or try('LPUSH', KEYS[5], item.dead)
  end
  local function hand_on(item)
    local undo = {}
    local is_fine, is_done = pcall(hand_on_all, item, undo)
    if is_fine and is_done then return true end
    if not is_fine then problem = type(is_done) == 'table' and is_done.err or tostring(is_done) end
    for i = #undo, 1, -1 do undo[i]() end
    item.over = nil
    return false
  end
  return hand_on
end
local hand_on_it
local function hand_on(item)
  if not (item.later or item.sends or item.dead or item.sets or item.parts) then return true end
  hand_on_it = hand_on_it or hander()
  return hand_on_it(item)
end

local digits, acked, forgotten = {}, {}, {}
for i, item in ipairs(items) do
  local is_mine = owned[i] and there[i]
  digits[i] = is_mine and '1' or '0'
  if is_mine and item and not hand_on(item) then
    digits[i], is_mine = '3', false
  end
  if is_mine and item then
    if item.mark then try('HSET', KEYS[3], item.tag, item.mark .. string.sub(owned[i], 2)) end
    if item.dead then redis.pcall('LTRIM', KEYS[5], 0, dead_cap - 1) end
    if item.over then redis.pcall('DEL', unpack(item.over)) end
    if item.sha then forgotten[#forgotten + 1] = item.sha end
  end
  if is_mine and (not item or item.is_over) then acked[#acked + 1] = tags[i] end
end
-- What was not in the index was taken away, unless it is still among the messages.
local room = {}
local removed = #acked > 0 and redis.pcall('ZREM', KEYS[2], unpack(acked)) or 0
if type(removed) == 'table' then return refuse(removed) end
if removed < #acked or is_full then
  acked = {}
  for i, item in ipairs(items) do
    local size = digits[i] == '1' and redis.pcall('HSTRLEN', KEYS[1], tags[i])
    room[i] = type(size) == 'number' and size or 0
    if digits[i] == '1' and not item and room[i] == 0 then digits[i] = '0' end
    if digits[i] == '1' and (not item or item.is_over) then acked[#acked + 1] = tags[i] end
  end
end
if #acked > 0 then
  redis.call('HDEL', KEYS[1], unpack(acked))
  redis.call('HDEL', KEYS[3], unpack(acked))
end
if #forgotten > 0 then redis.call('HDEL', KEYS[4], unpack(forgotten)) end

local stored = {} -- what is there, by key
local function look(names)
  local values = #names > 0 and redis.pcall('MGET', unpack(names)) or {}
  for i, name in ipairs(names) do stored[name] = values[i] or false end
end
local function store(name, json, most)
  local digit = '1'
  if stored[name] and string.find(stored[name], '^{"status": ?"SUCCESS"') then return digit end
  if is_full and #json > most + 1024 then
    json = '{"status": "FAILURE", "result": {"exc_type": "BackendStoreError", "exc_message": ["the result of ' .. #json ..
      ' bytes was not kept: Redis is full"], "exc_module": "celery.exceptions"}, "traceback": null, "children": [], ' ..
      '"date_done": null, "task_id": ' .. cjson.encode(string.match(name, 'celery%-task%-meta%-(.*)$') or '') .. '}'
    digit, problem = '2', 'Redis is full'
  end
  if set(name, json) then stored[name] = json else digit = '2' end
  local told = redis.pcall('PUBLISH', name, json)
  if type(told) == 'table' and told.err then unheard = told.err end
  return digit
end
local names, none = {}, {}
for i, name in ipairs(keys) do
  if name and digits[i] == '1' then names[#names + 1] = name end
end
look(names)
for i, item in ipairs(items) do
  if digits[i] == '1' then
    if keys[i] then digits[i] = store(keys[i], results[i], room[i] or 0) end
    for _, one in ipairs(item and item.rest or none) do
      look({one.key})
      if store(one.key, one.json, 0) == '2' then digits[i] = '2' end
    end
  end
end
local answer = table.concat(digits)
if slot ~= '' then
  local kept = batch .. ' ' .. answer
  if is_full or kept ~= hoped then redis.call('HSET', KEYS[10], slot, kept) end
  if is_new or is_full or string.find(marks, 't', 1, true) then redis.pcall('EXPIRE', KEYS[10], 86400) end
end
return {answer, unheard, problem}
