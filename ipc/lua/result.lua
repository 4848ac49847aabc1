-- A task's result for people. Of one that is larger than they can be shown its state and its time, and how large it is.
-- KEYS: the result. ARGV: most bytes.
-- Returns its JSON; "" when there is none, or it says no state.
local size, most = redis.call('STRLEN', KEYS[1]), tonumber(ARGV[1])
if size <= most then return redis.call('GET', KEYS[1]) or '' end
local text = redis.call('GETRANGE', KEYS[1], 0, 1023) .. ' ' .. redis.call('GETRANGE', KEYS[1], -4096, -1)
local status = string.match(text, '"status"%s*:%s*"([%u%d_]+)"') or string.match(text, '"status"%s*:%s*"([^"\\%c]+)"')
if not status then return '' end -- no result that anybody could read, as a small one would be
local done = string.match(text, '"date_done"%s*:%s*"([%w:.+-]+)"')
local told = 'too much to be shown: the result has ' .. size .. ' bytes'
local result = '{"(left out)": "' .. told .. '"}'
if status == 'FAILURE' or status == 'RETRY' or status == 'REVOKED' then
  result = '{"exc_type": "Left out", "exc_message": ["' .. told .. '"]}'
end
return '{"status": "' .. status .. '", "result": ' .. result .. ', "traceback": null, "children": [], "date_done": ' ..
  (done and '"' .. done .. '"' or 'null') .. '}'
