-- Empties lists.
-- KEYS: the lists. Returns how many entries were removed.
local removed = 0
for _, key in ipairs(KEYS) do
  removed = removed + redis.call('LLEN', key)
  redis.call('UNLINK', key)
end
return removed
