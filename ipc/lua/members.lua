-- Who is registered, and how often each has renewed. Whoever asks compares with what it saw a lease ago by its own clock:
-- no clock of another machine, nor a step of any, makes a worker look dead.
-- KEYS: workers, registered. Returns worker, record ("epoch lease renewals"; "dead" = its messages are being given back;
-- of an older version: "score " and the time of its renewal), worker, record ...
local out = {}
local page = redis.call('ZRANGE', KEYS[1], 0, 999, 'WITHSCORES')
for i = 1, #page, 2 do
  out[#out + 1] = page[i]
  out[#out + 1] = redis.call('HGET', KEYS[2], page[i]) or 'score ' .. page[i + 1]
end
return out
