-- Which of these lists have something in them, and which of these binding sets have a member that is written with another separator.
-- KEYS: lists, then binding sets. ARGV: number of lists, separator.
-- Returns a flat list: a list's key, its length ... then of each such set its key and -1.
local lists, out = tonumber(ARGV[1]), {}
for i = 1, #KEYS do
  if i <= lists then
    local n = redis.pcall('LLEN', KEYS[i])
    if type(n) == 'number' and n > 0 then
      out[#out + 1] = KEYS[i]
      out[#out + 1] = n
    end
  else
    local members, is_foreign = redis.pcall('SRANDMEMBER', KEYS[i], 100), false
    for _, member in ipairs(members.err and {} or members) do
      is_foreign = is_foreign or not string.find(member, ARGV[2], 1, true)
    end
    if is_foreign then
      out[#out + 1] = KEYS[i]
      out[#out + 1] = -1
    end
  end
end
return out
