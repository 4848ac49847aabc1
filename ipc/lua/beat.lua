-- The leader of the beats: takes or renews the lock and fires what the leader found due, in one step, so that a beat
-- that has lost the lock fires nothing (the token is the fence), and a tick that fired is never fired again.
-- KEYS: lock, fence counter, last runs (hash).
-- ARGV: beat, lock expiry in ms, token held (0 = none), predecessor that is known to be dead ("" = none), then for each due
--       entry: name, last run as the beat knows it (ms, "" = none), new last run (ms), binding set, binding, list, message
--       ("" = only note the run). Entries are fired only for who held the lock before the call.
-- Returns {token, ms left of the lock, entries fired}, token 0 = somebody else leads; the leader gets every known entry's
-- name and last run behind it.
local holder = redis.call('GET', KEYS[1])
local mine, token = ARGV[1] .. ' ' .. ARGV[3], tonumber(ARGV[3])
if holder and ARGV[4] ~= '' and string.sub(holder, 1, #ARGV[4] + 1) == ARGV[4] .. ' ' then holder = false end
if holder and holder ~= mine then return {0, redis.call('PTTL', KEYS[1]), 0} end
if not holder then
  token = redis.call('INCR', KEYS[2])
  mine = ARGV[1] .. ' ' .. string.format('%.0f', token)
end
redis.call('SET', KEYS[1], mine, 'PX', ARGV[2])
local fired = 0
for i = 5, holder and #ARGV or 0, 7 do
  if (redis.call('HGET', KEYS[3], ARGV[i]) or '') == ARGV[i + 1] then
    redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 2])
    if ARGV[i + 6] ~= '' then
      redis.call('SADD', ARGV[i + 3], ARGV[i + 4])
      redis.call('LPUSH', ARGV[i + 5], ARGV[i + 6])
      fired = fired + 1
    end
  end
end
local out = {token, tonumber(ARGV[2]), fired}
for _, value in ipairs(redis.call('HGETALL', KEYS[3])) do out[#out + 1] = value end
return out
