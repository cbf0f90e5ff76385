-- Spends a call's nonce, if it has one, and charges the call to every limit, or to none. The rules
-- of counting are those of store/windows.py, line by line; a test holds the two against each other.
--
-- KEYS  one a limit, and the claim of the nonce
-- ARGV  1  now_ms, or "" for the time of this server, which is the same for all who count here
--       2  "1" to charge, "0" to look only
--       3  numbers between spaces, four a limit: ceiling, queue (-1: a window), start_ms and end_ms
--          of the window that the caller takes for that of now
--       4  of the nonce: now_ms, expires_ms, how long the key is kept (ms); "" for none
-- Returns "used" for a nonce that was spent before: nothing was done. Else numbers: now_ms, the number of the first full limit (0: none), then for
-- each limit the count as it stands at now: length_ms, start_ms, used. Or now_ms alone: it lies in
-- another window than the caller took it for, and nothing was done.

local CALL = 1000000
local PATIENCE_MS = 1000
local BUCKET_KEPT_MS = 86400000
local KEPT_AT_LEAST_MS = 10000
local MINUTE_MS = 60000

local now, charging = tonumber(ARGV[1]), ARGV[2] == "1"
if not now then
  local time = redis.call("TIME")
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local spent, expires, kept_ms = string.match(ARGV[4] or "", "^(%d+) (%d+) (%d+)$")
if spent then
  local until_ms = redis.call("GET", KEYS[#KEYS])
  if until_ms and tonumber(until_ms) > tonumber(spent) then
    return "used"
  end
end

local counts, full, place = {}, 0, 0
for a, b, c, d in string.gmatch(ARGV[3], "(%S+) (%S+) (%S+) (%S+)") do
  local ceiling, queue, first, last = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  place = place + 1
  local length, start, used, before
  local recorded = redis.call("GET", KEYS[place])
  if recorded then
    local x, y, z = string.match(recorded, "^(%d+) (%-?%d+) (%d+)$")
    length, start, used = tonumber(x), tonumber(y), tonumber(z)
    before = start
  end
  local is_full
  if queue >= 0 then
    if not recorded or length > 0 then
      length, start, used = 0, now, 0
    else
      local ahead = start - now
      if ahead > PATIENCE_MS then
        start = now
      elseif ahead < 0 then
        used = math.max(0, used + ahead * ceiling * (CALL / 1000))
        start = now
      end
    end
    is_full = used + CALL > (ceiling + queue) * CALL or ceiling == 0
  else
    if now < first or now >= last then
      if last - first > MINUTE_MS then
        return string.format("%.0f", now)
      end
      first, last = now - now % (last - first), now - now % (last - first) + last - first
    end
    if not recorded or length == 0 or start + length <= first then
      length, start, used = last - first, first, 0
    elseif not (first <= start and start <= last) then
      length, start = last - first, first
    end
    is_full = used >= ceiling
  end
  if is_full and full == 0 then
    full = place
  end
  counts[place] = {length, start, used, before, queue >= 0 and CALL or 1}
end

if spent then
  redis.call("SET", KEYS[#KEYS], expires, "PX", kept_ms)
end

local answer = {string.format("%.0f %d", now, full)}
for place = 1, #counts do
  local length, start, used, before, one = unpack(counts[place])
  local moved = before and start < before
  if charging and full == 0 then
    used = used + one
  end
  local count = string.format("%.0f %.0f %.0f", length, start, used)
  if charging and (full == 0 or moved) then
    local kept = length == 0 and BUCKET_KEPT_MS or math.max(2 * length, KEPT_AT_LEAST_MS)
    redis.call("SET", KEYS[place], count, "PX", string.format("%.0f", kept))
  end
  answer[place + 1] = count
end
return table.concat(answer, " ")
