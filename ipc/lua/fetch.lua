-- Takes messages from the queues into kombu's unacked bookkeeping, with their owner beside it, in one step: no moment
-- exists in which a message is only in a process's memory.
-- KEYS: unacked, unacked_index, held (of this worker), history, registered, scheduled, scheduled messages,
--       scheduled ids, paused, then the lists in the order to be served (all queues of one priority, then the next).
-- ARGV: worker, its epoch, number of the first tag, limit, bytes limit, 1 = the bytes are a limit for the first message, too (else
--       it comes whatever its size), number of queues, name of each queue in the lists' order.
-- Returns: -1 when the worker is not registered under this epoch (it was taken for dead, or Redis forgot it: register
-- first), else {ms until the next scheduled message is due or -1, the paused queues as bits in the order of their names,
-- a list that this worker does not serve and that has something due ("" = none), 1 when a message was left for its
-- size, {list, queue, how many came from it, ...}, {history, ...}, {message, ...}}. Nothing is taken from a paused queue.
-- A tag is used once (epoch, dot, number), whatever the message says of itself: who holds a tag holds this delivery. The
-- messages have the numbers from the first on.
-- A history is "" or what handback.lua and finish.lua noted of the same bytes: crashes, marks, and their SHA-1. There are as
-- many as messages, or none when none has one.
if string.match(redis.call('HGET', KEYS[5], ARGV[1]) or '', '^%S+') ~= ARGV[2] then return -1 end
local epoch, first_tag, limit, bytes_left = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local is_strict, queues = ARGV[6] == '1', tonumber(ARGV[7])
local places, histories, messages = {}, {}, {}
local out = {-1, 0, '', 0, places, histories, messages}

-- What is rarely there is asked for at once.
local has_history = false
local paused = {}
local function look()
  has_history = redis.call('HLEN', KEYS[4]) > 0
  if redis.call('HLEN', KEYS[9]) > 0 then
    for q = 0, queues - 1 do
      if redis.call('HEXISTS', KEYS[9], ARGV[8 + q]) == 1 then
        paused[q] = true
        out[2] = out[2] + 2 ^ q
      end
    end
  end

  -- What is due goes back to the front of its list. In a full Redis a script may write once it has taken something away, if
  -- only nothing; and what is refused (rights) shows before anything is lost.
  local due = redis.call('ZRANGE', KEYS[6], 0, 99, 'WITHSCORES')
  if #due == 0 then return end
  redis.call('ZREM', KEYS[2], '')
  local served, now, bytes = {}, redis.call('TIME'), 16777216 -- of large ones not all at once: the rest is due at the next fetch
  for i = 10, #KEYS do served[KEYS[i]] = true end
  for i = 1, #due, 2 do
    local wait = tonumber(due[i + 1]) - tonumber(now[1]) * 1000 - tonumber(now[2]) / 1000
    if wait > 0 then
      out[1] = math.ceil(wait)
      break
    end
    if bytes <= 0 then
      out[1] = 0
      break
    end
    local tag, entry = due[i], redis.call('HGET', KEYS[7], due[i]) or ''
    local first = string.find(entry, '\n', 1, true)
    local second = first and string.find(entry, '\n', first + 1, true)
    local list = second and string.sub(entry, 1, first - 1)
    bytes = bytes - #entry
    if list and not served[list] then
      out[3] = list
    else
      local id = second and string.sub(entry, first + 1, second - 1)
      if list then redis.call('RPUSH', list, string.sub(entry, second + 1)) end
      redis.call('ZREM', KEYS[6], tag)
      redis.call('HDEL', KEYS[7], tag)
      if list and redis.call('HGET', KEYS[8], id) == tag then redis.call('HDEL', KEYS[8], id) end
    end
  end
end
if redis.call('EXISTS', KEYS[4], KEYS[6], KEYS[9]) > 0 then look() end

-- How many lists have something: when that many have been found, there is no more.
local filled = redis.call('EXISTS', unpack(KEYS, 10))
if filled == 0 then return out end
local time = redis.call('TIME')

-- What a message costs here is most of what a short task costs: numbers become text by %d, what is the same for all of a list
-- is put together once. The microseconds count on, so that the index keeps the order.
local index, unacked, held, taken = {}, {}, {}, 0
local micros = math.min(tonumber(time[2]), 999999 - limit)
local function history_of(raw)
  local sha = redis.sha1hex(raw)
  local history = redis.call('HGET', KEYS[4], sha)
  return history and history .. ':' .. sha or ''
end

-- One by one: how large a message is shows only when it is out, and what is out must be taken.
local function pop(list, queue, count)
  local mark, tail, before = '0' .. list, ', "", "' .. queue .. '"]', taken
  while taken - before < count do
    local raw = bytes_left > 0 and redis.pcall('RPOP', list)
    if type(raw) ~= 'string' then break end
    if is_strict and #raw > bytes_left and type(redis.pcall('RPUSH', list, raw)) == 'number' then
      out[4] = 1
      break
    end
    local tag, i = string.format('%s.%d', epoch, first_tag + taken), taken * 2
    index[i + 1], index[i + 2] = string.format('%s.%06d', time[1], micros + taken), tag
    unacked[i + 1], unacked[i + 2] = tag, '[' .. raw .. tail
    held[i + 1], held[i + 2] = tag, mark
    taken = taken + 1
    messages[taken] = raw
    if has_history then histories[taken] = history_of(raw) end
    bytes_left = bytes_left - #raw
  end
  local count_here, n = taken - before, #places
  if count_here > 0 then places[n + 1], places[n + 2], places[n + 3] = list, queue, count_here end
  return count_here
end

for first = 10, #KEYS, queues do
  -- Each queue gets an equal share; what some leave, the others may have.
  local more = {}
  for q = 0, queues - 1 do
    local share = filled > 0 and not paused[q] and math.ceil((limit - taken) / (queues - q)) or 0
    local got = share > 0 and pop(KEYS[first + q], ARGV[8 + q], share) or 0
    if got > 0 then filled = filled - 1 end
    if share > 0 and got == share then more[#more + 1] = q end
  end
  for _, q in ipairs(more) do pop(KEYS[first + q], ARGV[8 + q], limit - taken) end
  if filled == 0 or taken >= limit or bytes_left <= 0 then break end
end

-- Entered, or back where they were (as when keys are of a wrong type).
local refused = nil
local function enter(command, key, words)
  local answer = taken > 0 and not refused and redis.pcall(command, key, unpack(words))
  if type(answer) == 'table' and answer.err then refused = answer end
end
enter('ZADD', KEYS[2], index)
enter('HSET', KEYS[1], unacked)
enter('HSET', KEYS[3], held)
if refused then
  for i = taken, 1, -1 do
    redis.call('RPUSH', string.sub(held[2 * i], 2), messages[i])
    redis.pcall('ZREM', KEYS[2], index[2 * i])
    redis.pcall('HDEL', KEYS[1], index[2 * i])
  end
  return refused
end
return out
