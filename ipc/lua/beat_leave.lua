-- A beat that stops gives up the lead, so that the next one need not wait for the lock to expire.
-- KEYS: lock. ARGV: what the lock holds while it is ours. Returns 1 when it was given up.
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
