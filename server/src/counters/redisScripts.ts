import { createHash } from "node:crypto";

/** What Redis runs whole or not at all. */
export type Script = { text: string; sha: string };

function script(text: string): Script {
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}

/**
 * A counter is one string: its entries, oldest first, of 20 bytes each: when it began (µs, its id), how long after
 * that its last cost came (ms), and its cost. Then 12 bytes: the sum of all costs, and how many were taken. As in
 * memory, a cost joins the newest entry while that began at most duration/60 ago, and an entry counts until
 * `duration` after its last cost: 62 entries at most, of which a hit reads only the newest and what runs out.
 *
 * The time is Redis's own, given in ARGV[1] only by tests, whose time does not move with the one by which Redis
 * forgets keys. Where it steps back, the newest entry's time is used.
 */
const prelude = `
local floor, pack, unpack, sub = math.floor, struct.pack, struct.unpack, string.sub
local given = ARGV[1]

local function clock()
  if given ~= '' then return tonumber(given) * 1000 end
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2]
end

local function load(key, duration, us)
  local c = {
    key = key, duration = duration, us = us, now = floor(us / 1000),
    id = false, last = 0, cost = 0, older = '', used = 0, touch = 0, pending = 0,
  }
  local raw = redis.call('GET', key)
  if not raw then return c end
  local newest = #raw - 31
  local id, span, cost, used, touch = unpack('<dI4ddI4', raw, newest)
  local last = floor(id / 1000) + span
  if last > c.now then c.us, c.now = last * 1000, last end
  local gone = c.now - duration
  if last <= gone then return c end
  local from = 1
  while from < newest do
    local began, lasted, costs = unpack('<dI4d', raw, from)
    if floor(began / 1000) + lasted > gone then break end
    used = used - costs
    from = from + 20
  end
  c.id, c.last, c.cost, c.used, c.touch = id, last, cost, used, touch
  c.older = sub(raw, from, newest - 1)
  return c
end

local function entry(c)
  return pack('<dI4d', c.id, c.last - floor(c.id / 1000), c.cost)
end

local function open(c, id, last)
  if c.id then c.older = c.older .. entry(c) end
  c.id, c.last, c.cost = id, last, 0
end

local function save(c)
  if not c.id then
    redis.call('DEL', c.key)
    return
  end
  local kept = given ~= '' and 3600000 or math.max(1, c.last + c.duration - c.now)
  redis.call('SET', c.key, c.older .. entry(c) .. pack('<dI4', c.used, c.touch % 4294967296), 'PX', kept)
end
`;

/**
 * Any number of hits, one after the other as if each had come alone. KEYS: a counter for each window. ARGV: time or
 * '', then for each hit: how many windows, then duration, limit and cost of each.
 * Answers for each hit: 1 where all passed, then for each window: passed, remaining, reset, and three numbers more. Of
 * a hit that passed they are what giving back needs: entry id, take, and the entry's last time before. Of one that was
 * refused, the first is how many ms from now the first cost stops counting.
 */
export const hitScript = script(`${prelude}
local us = clock()
local counters, answer, n = {}, {}, 0

local function judge(key, duration, limit, cost)
  local c = counters[key]
  if not c then
    c = load(key, duration, us)
    counters[key] = c
  end
  local before = c.pending
  local passed = cost <= limit - c.used - before
  if passed then c.pending = before + cost end
  return { c = c, limit = limit, cost = cost, need = cost + before, passed = passed, id = 0, touch = 0, last = 0 }
end

local function take(a)
  local c = a.c
  if not c.id or c.now - floor(c.id / 1000) > floor(c.duration / 60) then open(c, c.us, c.now) end
  a.last, a.id, a.touch = c.last, c.id, c.touch + 1
  c.last, c.cost, c.used, c.touch = c.now, c.cost + a.cost, c.used + a.cost, a.touch
  c.changed = true
end

local function freedAt(c, amount)
  for at = 1, #c.older, 20 do
    local began, lasted, costs = unpack('<dI4d', c.older, at)
    amount = amount - costs
    if amount <= 0 then return floor(began / 1000) + lasted + c.duration end
  end
  return c.last + c.duration
end

local function tell(a, all)
  local c = a.c
  local reset = c.now
  if c.id then
    reset = c.last + c.duration
    if not a.passed and a.need <= a.limit then reset = freedAt(c, a.need - a.limit + c.used) end
    if all == 0 then a.id = freedAt(c, 0) - c.now end
  end
  answer[n + 1] = a.passed and 1 or 0
  answer[n + 2] = math.max(0, a.limit - c.used)
  answer[n + 3] = reset
  answer[n + 4] = a.id
  answer[n + 5] = a.touch
  answer[n + 6] = a.last
  n = n + 6
end

local k, v = 1, 2
while v <= #ARGV do
  local asked, all, windows = {}, 1, tonumber(ARGV[v])
  v = v + 1
  for i = 1, windows do
    local a = judge(KEYS[k], tonumber(ARGV[v]), tonumber(ARGV[v + 1]), tonumber(ARGV[v + 2]))
    if not a.passed then all = 0 end
    asked[i] = a
    k, v = k + 1, v + 3
  end
  for i = 1, windows do
    local a = asked[i]
    a.c.pending = 0
    if all == 1 and a.cost > 0 then take(a) end
  end
  n = n + 1
  answer[n] = all
  for i = 1, windows do tell(asked[i], all) end
end
for _, c in pairs(counters) do if c.changed then save(c) end end
return answer
`);

/** For what is rare: all entries at once. */
const listing = `
local function entries(c)
  local list = {}
  for at = 1, #c.older, 20 do
    local id, span, cost = unpack('<dI4d', c.older, at)
    list[#list + 1] = { id = id, last = floor(id / 1000) + span, cost = cost }
  end
  if c.id then list[#list + 1] = { id = c.id, last = c.last, cost = c.cost } end
  return list
end

local function keep(c, list)
  c.id, c.older = false, ''
  for _, e in ipairs(list) do
    open(c, e.id, e.last)
    c.cost = e.cost
  end
  save(c)
end
`;

/**
 * KEYS: a counter each. ARGV: time or '', then duration, cost, entry id, take, and last time before of each; what was
 * taken last comes first. Takes each cost out of the entry it went into, where that still counts. When nobody took
 * since, or all who did gave back, the entry's time is again what it was before.
 */
export const giveBackScript = script(`${prelude}${listing}
local us = clock()
for i, key in ipairs(KEYS) do
  local function argument(place) return tonumber(ARGV[i * 5 - 4 + place]) end
  local cost, id, touch = argument(2), argument(3), argument(4)
  local c = load(key, argument(1), us)
  local list = entries(c)
  for at, e in ipairs(list) do
    if e.id == id then
      e.cost = e.cost - cost
      c.used = c.used - cost
      if at == #list and c.touch == touch then
        c.touch = touch - 1
        e.last = argument(5)
      end
      if e.cost == 0 then table.remove(list, at) end
      keep(c, list)
      break
    end
  end
end
return 1
`);

/** How long Redis remembers what a process has added, ms. */
const addedMs = 600_000;

/**
 * KEYS: where it stands how much of this sum was added before, and the counter. ARGV: time or '', duration, the sum
 * of what was admitted elsewhere while Redis could not be asked, then how long ago (ms) and cost of its parts that
 * still count, newest first. What was added before was its older part, so each is added once.
 */
export const addScript = script(`${prelude}${listing}
local duration, slack, sum = tonumber(ARGV[2]), floor(ARGV[2] / 60), tonumber(ARGV[3])
local left = sum - tonumber(redis.call('GET', KEYS[1]) or '0')
if left <= 0 then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ${addedMs})
local c = load(KEYS[2], duration, clock())
local list = entries(c)

local function began(e) return e and floor(e.id / 1000) end

local function insert(at, cost)
  local place = 1
  while list[place] and began(list[place]) <= at do place = place + 1 end
  local before, after = list[place - 1], list[place]
  if before and at - began(before) <= slack then
    before.cost = before.cost + cost
    before.last = math.max(before.last, at)
  elseif after and began(after) - at <= slack then
    after.cost = after.cost + cost
  else
    table.insert(list, place, { id = at * 1000, last = at, cost = cost })
  end
end

for i = 4, #ARGV, 2 do
  local at, cost = c.now - ARGV[i], math.min(left, tonumber(ARGV[i + 1]))
  left = left - cost
  if cost > 0 and at + duration > c.now then
    c.used = c.used + cost
    insert(at, cost)
  end
end
c.touch = c.touch + 1
keep(c, list)
return 1
`);

/**
 * KEYS: the marker. ARGV: a new name. Answers the marker before and now. It names the data: its first part is the
 * process that had them, and whom that one last took over from, so it changes with a restart and a failover, and it
 * is gone when Redis was emptied.
 */
export const markScript = script(`
local server, replication = redis.call('INFO', 'server'), redis.call('INFO', 'replication')
local from = string.match(replication, 'master_replid2:(%w+)') or ''
if string.match(from, '^0*$') then from = '' end
local origin = (string.match(server, 'run_id:(%w+)') or '') .. '/' .. from
local before = redis.call('GET', KEYS[1]) or ''
if string.sub(before, 1, #origin) == origin then return { before, before } end
local now = origin .. '/' .. ARGV[1]
redis.call('SET', KEYS[1], now)
return { before, now }
`);
