-- The leader of the beats: takes or renews the lock and fires what the leader found due, in one step, so that a beat
-- that has lost the lock fires nothing (the token is the fence), and a tick that fired is never fired again.
-- KEYS: lock, fence counter, last runs (hash), paused entries (hash), then for each due entry: binding set, list. What is
-- due of a paused entry is noted as run, and not sent. What is noted and was not sent has a zero before its digits.
-- ARGV: beat, lock expiry in ms, token held (0 = none), predecessor that is known to be dead ("" = none), then for each due
--       entry: name, the text that stood as its last run when it was judged (its first 39 bytes), new last run (ms), binding, message
--       ("" = only note the run). Entries are fired only for who held the lock before the call.
-- Returns {token, ms left of the lock, names of the entries that fired (a list)}, token 0 = somebody else leads; the
-- leader gets every known entry's name and last run, as it stands there, behind it.
local holder = redis.call('GET', KEYS[1])
local mine, token = ARGV[1] .. ' ' .. ARGV[3], tonumber(ARGV[3])
if holder and ARGV[4] ~= '' and string.sub(holder, 1, #ARGV[4] + 1) == ARGV[4] .. ' ' then holder = false end
if holder and holder ~= mine then return {0, redis.call('PTTL', KEYS[1]), {}} end
redis.call('HDEL', KEYS[3], '') -- nothing, but a full Redis lets a script go on that has written
if not holder then
  token = redis.call('INCR', KEYS[2])
  mine = ARGV[1] .. ' ' .. string.format('%.0f', token)
end
redis.call('SET', KEYS[1], mine, 'PX', ARGV[2])
local fired, key = {}, 5
for i = 5, holder and #ARGV or 0, 5 do
  if string.sub(redis.call('HGET', KEYS[3], ARGV[i]) or '', 1, 39) == ARGV[i + 1] then
    local sign = '0'
    if ARGV[i + 4] ~= '' and redis.call('HEXISTS', KEYS[4], ARGV[i]) == 0 then
      redis.pcall('SADD', KEYS[key], ARGV[i + 3])
      redis.call('LPUSH', KEYS[key + 1], ARGV[i + 4])
      fired[#fired + 1], sign = ARGV[i], ''
    end
    redis.call('HSET', KEYS[3], ARGV[i], sign .. ARGV[i + 2])
  end
  key = key + 2
end
local out = {token, tonumber(ARGV[2]), fired}
for i, value in ipairs(redis.call('HGETALL', KEYS[3])) do out[i + 3] = i % 2 == 0 and string.sub(value, 1, 39) or value end
return out
