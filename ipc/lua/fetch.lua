-- Takes messages from the queues into kombu's unacked bookkeeping, with their owner beside it, in one step: no moment
-- exists in which a message is only in a process's memory.
-- KEYS: unacked, unacked_index, held (of this worker), deliveries, workers, scheduled, scheduled messages,
--       scheduled ids, paused, then the lists in the order to be served (all queues of one priority, then the next).
-- ARGV: worker, limit, bytes limit, number of queues, name of each queue in the lists' order.
-- Returns: -1 when the worker is not registered (it was taken for dead, or Redis forgot it: register first), else
-- {ms until the next scheduled message is due or -1, the paused queues as bits in the order of their names, then for each
-- message: tag, list, queue, deliveries before, message}. Nothing is taken from a paused queue.
-- The tag is the message's own delivery tag; a message without one, or with one that is in use, gets another.
if not redis.call('ZSCORE', KEYS[5], ARGV[1]) then return -1 end
local limit, bytes_left, queues = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local out = {-1, 0}

-- Nothing may fail once a message is popped: keys of a wrong type show themselves here.
redis.call('HLEN', KEYS[1])
redis.call('ZCARD', KEYS[2])
redis.call('HLEN', KEYS[3])
local paused = {}
if redis.call('HLEN', KEYS[9]) > 0 then
  for q = 0, queues - 1 do
    if redis.call('HEXISTS', KEYS[9], ARGV[5 + q]) == 1 then
      paused[q] = true
      out[2] = out[2] + 2 ^ q
    end
  end
end

-- What is due goes back to the front of its list.
local due = redis.call('ZRANGE', KEYS[6], 0, 99, 'WITHSCORES')
for i = 1, #due, 2 do
  local wait = tonumber(due[i + 1]) - now * 1000
  if wait > 0 then
    out[1] = math.ceil(wait)
    break
  end
  local tag, entry = due[i], redis.call('HGET', KEYS[7], due[i])
  if entry then
    local list, id, raw = string.match(entry, '^([^\n]*)\n([^\n]*)\n(.*)$')
    redis.call('RPUSH', list, raw)
    redis.call('HDEL', KEYS[8], id)
  end
  redis.call('ZREM', KEYS[6], tag)
  redis.call('HDEL', KEYS[7], tag)
end

local known = redis.call('HLEN', KEYS[4]) > 0
local index, unacked, held, taken = {}, {}, {}, 0
local function take(list, queue, raw)
  local tag = nil
  local from, to = string.find(raw, '"delivery_tag": "', 1, true)
  if not from then from, to = string.find(raw, '"delivery_tag":"', 1, true) end
  if to then tag = string.match(raw, '^[%w-]+', to + 1) end
  if not tag or held[tag] or redis.call('HEXISTS', KEYS[1], tag) == 1 then
    tag = ARGV[1] .. '/' .. time[1] .. '.' .. time[2] .. '.' .. taken
  end
  index[#index + 1] = string.format('%.6f', now + taken / 1000000)
  index[#index + 1] = tag
  unacked[#unacked + 1] = tag
  unacked[#unacked + 1] = '[' .. raw .. ', "", "' .. queue .. '"]'
  held[tag] = '0' .. list
  local n = #out
  out[n + 1], out[n + 2], out[n + 3], out[n + 5] = tag, list, queue, raw
  out[n + 4] = known and redis.call('HGET', KEYS[4], tag) or '0'
  taken = taken + 1
  bytes_left = bytes_left - #raw
end

local function pop(list, queue, count)
  local popped = count > 0 and bytes_left > 0 and redis.pcall('RPOP', list, bytes_left < 8388608 and 1 or count)
  if not popped or popped.err then return 0 end
  for _, raw in ipairs(popped) do take(list, queue, raw) end
  return #popped
end

for first = 10, #KEYS, queues do
  -- Each queue gets an equal share; what some leave, the others may have.
  local more = {}
  for q = 0, queues - 1 do
    local share = math.ceil((limit - taken) / (queues - q))
    if not paused[q] and pop(KEYS[first + q], ARGV[5 + q], share) == share then more[#more + 1] = q end
  end
  for _, q in ipairs(more) do pop(KEYS[first + q], ARGV[5 + q], limit - taken) end
  if taken >= limit or bytes_left <= 0 then break end
end

if taken > 0 then
  local owners = {}
  for tag, list in pairs(held) do
    owners[#owners + 1] = tag
    owners[#owners + 1] = list
  end
  redis.call('ZADD', KEYS[2], unpack(index))
  redis.call('HSET', KEYS[1], unpack(unacked))
  redis.call('HSET', KEYS[3], unpack(owners))
end
return out
