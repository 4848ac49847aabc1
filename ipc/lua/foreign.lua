-- Which of these lists have something in them, and which of these binding sets are written with another separator.
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
    local member = redis.pcall('SRANDMEMBER', KEYS[i])
    if type(member) == 'string' and not string.find(member, ARGV[2], 1, true) then
      out[#out + 1] = KEYS[i]
      out[#out + 1] = -1
    end
  end
end
return out
