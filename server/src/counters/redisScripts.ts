/**
 * The Lua that Redis runs, each script whole or not at all. A counter is one string: its entries, oldest first, of
 * 20 bytes each: when it began (µs, its id), how long after that its last cost came (ms), and its cost. As in
 * memory, a cost joins the newest entry while that began at most duration/60 ago, and an entry counts until
 * `duration` after its last cost: 62 entries at most.
 *
 * The time is Redis's own, given in ARGV[1] only by tests. Where it steps back, the newest entry's time is used.
 */
const prelude = `
local function clock(given)
  if given ~= '' then return tonumber(given) * 1000 end
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2]
end

local function load(key, duration, us)
  local c = { key = key, duration = duration, ids = {}, lasts = {}, costs = {}, used = 0, first = 1 }
  local raw = redis.call('GET', key)
  local n = 0
  if raw then
    local at = 1
    while at < #raw do
      local id, span, cost
      id, span, cost, at = struct.unpack('<dI4d', raw, at)
      n = n + 1
      c.ids[n] = id
      c.lasts[n] = math.floor(id / 1000) + span
      c.costs[n] = cost
      c.used = c.used + cost
    end
  end
  c.n = n
  c.us = us
  if n > 0 and c.lasts[n] * 1000 > us then c.us = c.lasts[n] * 1000 end
  c.now = math.floor(c.us / 1000)
  while c.first <= c.n and c.lasts[c.first] + duration <= c.now do
    c.used = c.used - c.costs[c.first]
    c.first = c.first + 1
  end
  return c
end

local function save(c)
  if c.first > c.n then
    redis.call('DEL', c.key)
    return
  end
  local parts = {}
  for i = c.first, c.n do
    parts[#parts + 1] = struct.pack('<dI4d', c.ids[i], c.lasts[i] - math.floor(c.ids[i] / 1000), c.costs[i])
  end
  redis.call('SET', c.key, table.concat(parts), 'PX', math.max(1, c.lasts[c.n] + c.duration - c.now))
end
`;

/**
 * KEYS: a counter for each window. ARGV: time or '', then duration, limit and cost of each window.
 * Answers: 1 where all passed, the time in ms, then for each window: passed, remaining, reset, entry id.
 */
export const hitScript = `${prelude}
local us = clock(ARGV[1])
local counters, asked, all = {}, {}, 1
for i, key in ipairs(KEYS) do
  local duration, limit, cost = tonumber(ARGV[i * 3 - 1]), tonumber(ARGV[i * 3]), tonumber(ARGV[i * 3 + 1])
  local c = counters[key]
  if not c then
    c = load(key, duration, us)
    c.pending = 0
    counters[key] = c
  end
  local before = c.pending
  local passed = cost <= limit - c.used - before
  if passed then c.pending = before + cost else all = 0 end
  asked[i] = { c = c, limit = limit, cost = cost, need = cost + before, passed = passed, entry = 0 }
end

if all == 1 then
  for _, a in ipairs(asked) do
    local c = a.c
    if a.cost > 0 then
      if c.n < c.first or c.now - math.floor(c.ids[c.n] / 1000) > math.floor(c.duration / 60) then
        c.n = c.n + 1
        c.ids[c.n] = c.us
        c.costs[c.n] = 0
      end
      c.lasts[c.n] = c.now
      c.costs[c.n] = c.costs[c.n] + a.cost
      c.used = c.used + a.cost
      c.changed = true
      a.entry = c.ids[c.n]
    end
  end
  for _, c in pairs(counters) do if c.changed then save(c) end end
end

local answer = { all, math.floor(us / 1000) }
for _, a in ipairs(asked) do
  local c = a.c
  local reset = c.now
  if c.n >= c.first then reset = c.lasts[c.n] + c.duration end
  if not a.passed and a.need <= a.limit then
    local free = a.limit - c.used
    for i = c.first, c.n do
      free = free + c.costs[i]
      if free >= a.need then
        reset = c.lasts[i] + c.duration
        break
      end
    end
  end
  answer[#answer + 1] = a.passed and 1 or 0
  answer[#answer + 1] = math.max(0, a.limit - c.used)
  answer[#answer + 1] = reset
  answer[#answer + 1] = a.entry
end
return answer
`;

/** How long Redis remembers that something was done once, ms. */
const onceMs = 600_000;

/**
 * KEYS: the name of this doing, then a counter each. ARGV: time or '', then duration, entry id and cost of each.
 * Takes each cost out of the entry it went into, where that still counts; a second time nothing.
 */
export const giveBackScript = `${prelude}
if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', ${onceMs}) then return 0 end
local us = clock(ARGV[1])
for i = 2, #KEYS do
  local duration, entry, cost = tonumber(ARGV[i * 3 - 4]), tonumber(ARGV[i * 3 - 3]), tonumber(ARGV[i * 3 - 2])
  local c = load(KEYS[i], duration, us)
  for j = c.first, c.n do
    if c.ids[j] == entry and c.costs[j] >= cost then
      c.costs[j] = c.costs[j] - cost
      if c.costs[j] == 0 then
        table.remove(c.ids, j)
        table.remove(c.lasts, j)
        table.remove(c.costs, j)
        c.n = c.n - 1
      end
      save(c)
      break
    end
  end
end
return 1
`;

/**
 * KEYS: the name of this doing, the counter. ARGV: time or '', duration, cost, and how long ago its last part was
 * admitted (ms). Adds what was admitted elsewhere while Redis could not be asked; a second time nothing.
 */
export const addScript = `${prelude}
if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', ${onceMs}) then return 0 end
local duration, cost, age = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local us = clock(ARGV[1])
local c = load(KEYS[2], duration, us)
local last = c.now - age
if last + duration <= c.now then return 1 end
local at = c.n + 1
while at > c.first and c.lasts[at - 1] > last do at = at - 1 end
if at <= c.n then
  c.costs[at] = c.costs[at] + cost
else
  c.n = c.n + 1
  c.ids[c.n] = last * 1000
  c.lasts[c.n] = last
  c.costs[c.n] = cost
end
save(c)
return 1
`;
