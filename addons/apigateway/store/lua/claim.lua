-- Claims a nonce: "1" for the first claim within its lifetime, else "0".
-- KEYS  the claim
-- ARGV  now_ms, expires_ms, how long the key is kept (ms)

local expires = redis.call("GET", KEYS[1])
if expires and tonumber(expires) > tonumber(ARGV[1]) then
  return "0"
end
redis.call("SET", KEYS[1], ARGV[2], "PX", ARGV[3])
return "1"
