-- What became of a process' tasks is added to the counts of all.
-- KEYS: counts of all, what this process has told before. ARGV: seconds the latter is kept, then pairs of a field and its
-- count since the process began.
-- Only what is more than it told before is added: telling the same again, after an answer was lost, changes nothing.
local fields = {}
for i = 2, #ARGV, 2 do fields[#fields + 1] = ARGV[i] end
local told = redis.call('HMGET', KEYS[2], unpack(fields))
for i, field in ipairs(fields) do
  local count = ARGV[2 * i + 1]
  local more = tonumber(count) - tonumber(told[i] or 0)
  if more > 0 then
    redis.call('HINCRBY', KEYS[1], field, string.format('%.0f', more))
    redis.call('HSET', KEYS[2], field, count)
  end
end
redis.call('EXPIRE', KEYS[2], ARGV[1])
return #fields
