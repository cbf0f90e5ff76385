-- Records a new version and makes it the one that is served, unless another came in between.
-- KEYS  releases by id, ids of the API's releases, last versions, current ids, changes, next id
-- ARGV  the version that was the last ("" for none), this version, "api_id environment", release
-- Returns 1, or 0 when the last version is another by now: then nothing was recorded.

local last = redis.call("HGET", KEYS[3], ARGV[3]) or ""
if last ~= ARGV[1] then
  return 0
end
local id = redis.call("INCR", KEYS[6])
redis.call("HSET", KEYS[1], id, ARGV[4])
redis.call("LPUSH", KEYS[2], id)
redis.call("HSET", KEYS[3], ARGV[3], ARGV[2])
redis.call("HSET", KEYS[4], ARGV[3], id)
redis.call("INCR", KEYS[5])
return 1
