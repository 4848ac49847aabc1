-- Takes messages from the queues into kombu's unacked bookkeeping, with their owner beside it, in one step: no moment
-- exists in which a message is only in a process's memory.
-- KEYS: unacked, unacked_index, held (of this worker), history, registered, scheduled, scheduled messages,
--       scheduled ids, paused, then the lists in the order to be served (all queues of one priority, then the next).
-- ARGV: worker, its epoch, number of the first tag, limit, bytes limit, 1 = the bytes are a limit for the first message, too (else
--       it comes whatever its size), number of queues, name of each queue in the lists' order.
-- Returns: -1 when the worker is not registered under this epoch (it was taken for dead, or Redis forgot it: register
-- first), else {ms until the next scheduled message is due or -1, the paused queues as bits in the order of their names,
-- a list that this worker does not serve and that has something due ("" = none), 1 when a message was left for its
-- size, then for each message: tag, list, queue, history, message}. Nothing is taken from a paused queue.
-- A tag is used once (epoch, dot, number), whatever the message says of itself: who holds a tag holds this delivery.
-- The history is "" or what handback.lua and finish.lua noted of the same bytes: crashes, marks, and their SHA-1.
if string.match(redis.call('HGET', KEYS[5], ARGV[1]) or '', '^%S+') ~= ARGV[2] then return -1 end
local first_tag, limit, bytes_left, queues = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[7])
local is_strict = ARGV[6] == '1'
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local out = {-1, 0, '', 0}

-- Nothing may fail once a message is popped: keys of a wrong type show themselves here.
redis.call('HLEN', KEYS[1])
redis.call('HLEN', KEYS[3])
local has_history = redis.call('HLEN', KEYS[4]) > 0
local paused = {}
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
redis.call('ZREM', KEYS[2], '')
local due = redis.call('ZRANGE', KEYS[6], 0, 99, 'WITHSCORES')
local served = {}
if #due > 0 then
  for i = 10, #KEYS do served[KEYS[i]] = true end
end
for i = 1, #due, 2 do
  local wait = tonumber(due[i + 1]) - now * 1000
  if wait > 0 then
    out[1] = math.ceil(wait)
    break
  end
  local tag, entry = due[i], redis.call('HGET', KEYS[7], due[i])
  local list, id, raw = string.match(entry or '', '^([^\n]*)\n([^\n]*)\n(.*)$')
  if list and not served[list] then
    out[3] = list
  else
    if list then redis.call('RPUSH', list, raw) end
    redis.call('ZREM', KEYS[6], tag)
    redis.call('HDEL', KEYS[7], tag)
    if list and redis.call('HGET', KEYS[8], id) == tag then redis.call('HDEL', KEYS[8], id) end
  end
end

local index, unacked, held, taken = {}, {}, {}, 0
local function take(list, queue, raw)
  local tag, history = ARGV[2] .. '.' .. string.format('%.0f', first_tag + taken), false
  if has_history then
    local sha = redis.sha1hex(raw)
    history = redis.call('HGET', KEYS[4], sha)
    history = history and history .. ':' .. sha
  end
  local i, n = taken * 2, #out
  index[i + 1], index[i + 2] = string.format('%.6f', now + taken / 1000000), tag
  unacked[i + 1], unacked[i + 2] = tag, '[' .. raw .. ', "", "' .. queue .. '"]'
  held[i + 1], held[i + 2] = tag, '0' .. list
  out[n + 1], out[n + 2], out[n + 3], out[n + 4], out[n + 5] = tag, list, queue, history or '', raw
  taken = taken + 1
  bytes_left = bytes_left - #raw
end

-- One by one: how large a message is shows only when it is out, and what is out must be taken.
local function pop(list, queue, count)
  for i = 1, count do
    local raw = bytes_left > 0 and redis.pcall('RPOP', list)
    if type(raw) ~= 'string' then return i - 1 end
    if is_strict and #raw > bytes_left then
      redis.call('RPUSH', list, raw)
      out[4] = 1
      return i - 1
    end
    take(list, queue, raw)
  end
  return count
end

for first = 10, #KEYS, queues do
  -- Each queue gets an equal share; what some leave, the others may have.
  local more = {}
  for q = 0, queues - 1 do
    local share = math.ceil((limit - taken) / (queues - q))
    if share > 0 and not paused[q] and pop(KEYS[first + q], ARGV[8 + q], share) == share then more[#more + 1] = q end
  end
  for _, q in ipairs(more) do pop(KEYS[first + q], ARGV[8 + q], limit - taken) end
  if taken >= limit or bytes_left <= 0 then break end
end

-- Entered, or back where they were.
local refused = nil
local function enter(command, key, words)
  local answer = taken > 0 and not refused and redis.pcall(command, key, unpack(words))
  if type(answer) == 'table' and answer.err then refused = answer end
end
enter('ZADD', KEYS[2], index)
enter('HSET', KEYS[1], unacked)
enter('HSET', KEYS[3], held)
if refused then
  for n = #out, 9, -5 do redis.call('RPUSH', out[n - 3], out[n]) end
  for i = 1, taken do
    redis.pcall('ZREM', KEYS[2], index[2 * i])
    redis.pcall('HDEL', KEYS[1], index[2 * i])
  end
  return refused
end
return out
