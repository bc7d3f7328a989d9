import { createHash } from "node:crypto";

/** A Lua script, which Redis runs atomically. */
export type Script = { text: string; sha: string };

function script(text: string): Script {
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}

/**
 * The beginning of every script that reads or writes counters. A counter is one string: its entries of 20 bytes each,
 * oldest first, then 12 bytes with the sum of all costs and the number of takes (costs that were added). An entry
 * stands for costs that came shortly after one another. It has the time of the first of these costs (µs, also the id of
 * the entry), the time from the first to the last (ms), and their sum.
 *
 * As in the memory backend, a cost joins the newest entry if that entry began at most duration/60 ago, and an entry
 * counts until `duration` after its last cost. So there are at most 62 entries. A hit that passes reads only the newest
 * entry and, from the oldest on, the expired entries up to the first that still counts.
 *
 * The scripts use the clock of Redis. Only tests pass another time in ARGV[1], and even then Redis expires keys by its
 * own clock. If the clock was set back, all entries are moved back by the same amount, so that no entry is in the
 * future. Earlier hits can then no longer be given back, because the ids of their entries have changed.
 */
const prelude = `
local floor, pack, unpack, sub = math.floor, struct.pack, struct.unpack, string.sub
local testMs = ARGV[1]

local function clock()
  if testMs ~= '' then return tonumber(testMs) * 1000 end
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2]
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
  local kept = testMs ~= '' and 3600000 or math.max(1, c.last + c.duration - c.now)
  redis.call('SET', c.key, c.older .. entry(c) .. pack('<dI4', c.used, c.touch % 4294967296), 'PX', kept)
end

-- The clock was set back, so the newest entry gets the current time. This moves the older entries by as much.
local function setBack(raw, newest, ahead)
  local moved = {}
  for at = 1, newest - 1, 20 do
    local id, span, cost = unpack('<dI4d', raw, at)
    moved[#moved + 1] = pack('<dI4d', id - ahead * 1000, span, cost)
  end
  return table.concat(moved) .. sub(raw, newest)
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
  local ahead = last - c.now
  if ahead > 0 then
    raw = setBack(raw, newest, ahead)
    id, last = id - ahead * 1000, c.now
  end
  local expired = c.now - duration
  if last <= expired then return c end
  local from = 1
  while from < newest do
    local began, lasted, costs = unpack('<dI4d', raw, from)
    if floor(began / 1000) + lasted > expired then break end
    used = used - costs
    from = from + 20
  end
  c.id, c.last, c.cost, c.used, c.touch = id, last, cost, used, touch
  c.older = sub(raw, from, newest - 1)
  if ahead > 0 then save(c) end
  return c
end
`;

/**
 * The part of a script that decides the windows of a call one after the other. If several windows have the same
 * counter, each window also counts what the windows before it would add.
 */
const judging = `
local us = clock()
local counters = {}

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

local function freedAt(c, amount)
  for at = 1, #c.older, 20 do
    local began, lasted, costs = unpack('<dI4d', c.older, at)
    amount = amount - costs
    if amount <= 0 then return floor(began / 1000) + lasted + c.duration end
  end
  return c.last + c.duration
end
`;

/**
 * Decides any number of hits one after the other, as if each had been sent alone.
 * - KEYS: the counter of each window.
 * - ARGV: the time or '', then for each hit: the number of its windows, and duration, limit and cost of each.
 * - Returns for each hit: 1 if all windows passed, otherwise 0. Then for each window: passed (1 or 0), remaining, ms
 * until reset, and three more numbers. If the hit passed, these three are needed to give it back: the id of the entry
 * that the cost joined, the number of the take, and the time (ms) of the last cost in that entry before this take. If
 * the hit was refused, the first of the three is the time (ms) until the first cost stops counting.
 */
export const hitScript = script(`${prelude}${judging}
local reply, n = {}, 0

local function take(a)
  local c = a.c
  if not c.id or c.now - floor(c.id / 1000) > floor(c.duration / 60) then open(c, c.us, c.now) end
  a.last, a.id, a.touch = c.last, c.id, c.touch + 1
  c.last, c.cost, c.used, c.touch = c.now, c.cost + a.cost, c.used + a.cost, a.touch
  c.changed = true
end

local function tell(a, all)
  local c = a.c
  local reset = 0
  if not a.passed and a.need > a.limit then
    reset = c.duration
  elseif c.id then
    local at = c.last + c.duration
    if not a.passed then at = freedAt(c, a.need - a.limit + c.used) end
    reset = at - c.now
  end
  if c.id and all == 0 then a.id = freedAt(c, 0) - c.now end
  reply[n + 1] = a.passed and 1 or 0
  reply[n + 2] = math.max(0, a.limit - c.used)
  reply[n + 3] = reset
  reply[n + 4] = a.id
  reply[n + 5] = a.touch
  reply[n + 6] = a.last
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
  reply[n] = all
  for i = 1, windows do tell(asked[i], all) end
end
for _, c in pairs(counters) do if c.changed then save(c) end end
return reply
`);

/**
 * Returns what a hit would find in the windows of one call. Writes nothing: if the clock was set back, this script
 * corrects the times only in its own copy of the entries.
 * - KEYS: the counter of each window.
 * - ARGV: the time or '', then duration, limit and cost of each window.
 * - Returns for each window: passed (1 or 0), the cost that counts now, ms until the window is empty, and ms until the
 * cost passes (-1: never).
 */
export const peekScript = script(`${prelude}${judging}
save = function() end
local reply = {}
for i, key in ipairs(KEYS) do
  local a = judge(key, tonumber(ARGV[i * 3 - 1]), tonumber(ARGV[i * 3]), tonumber(ARGV[i * 3 + 1]))
  local c, passes = a.c, 0
  local missing = a.need - a.limit + c.used
  if not a.passed and missing > c.used then
    passes = -1
  elseif not a.passed then
    passes = freedAt(c, missing) - c.now
  end
  reply[#reply + 1] = a.passed and 1 or 0
  reply[#reply + 1] = c.used
  reply[#reply + 1] = c.id and c.last + c.duration - c.now or 0
  reply[#reply + 1] = passes
end
return reply
`);

/** The part of a script that reads and writes all entries of a counter. Only scripts that run rarely need it. */
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
 * Gives a hit back: subtracts each cost from the entry that it joined, if that entry still counts. If no later take is
 * left in the counter, the entry also expires when it would have expired without this take.
 * - KEYS: the counters.
 * - ARGV: the time or '', then for each counter the duration, the cost, and the three numbers that `hitScript` returned
 * for giving back. The latest take comes first.
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

/** how long Redis remembers how much of an admission it has counted, ms */
const addedMs = 600_000;

/**
 * Adds an admission: what a process granted on a counter while Redis was unreachable. If the admission is sent again,
 * nothing is added twice: Redis stores how much of its sum was added before, and skips that much, oldest costs first.
 * - KEYS: the key that stores how much was added before, and the counter.
 * - ARGV: the time or '', the duration, the sum of all costs, then for each part of the admission, newest first: the
 * age of its last cost (ms), and the sum of its costs.
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
 * Stores counters, and overwrites counters that exist.
 * - KEYS: the counters.
 * - ARGV: the time or '', then for each counter: duration, the time when its newest entry began (ms), the number of
 * entries, and for each entry, oldest first, the time of its last cost (ms) and its cost.
 */
export const storeScript = script(`${prelude}
local us, v = clock(), 2
for _, key in ipairs(KEYS) do
  local duration, first, count = tonumber(ARGV[v]), tonumber(ARGV[v + 1]), tonumber(ARGV[v + 2])
  local c = { key = key, duration = duration, us = us, now = floor(us / 1000),
    id = false, last = 0, cost = 0, older = '', used = 0, touch = 1 }
  v = v + 3
  for i = 1, count do
    local last, cost = tonumber(ARGV[v]), tonumber(ARGV[v + 1])
    open(c, (i == count and math.min(first, last) or last) * 1000, last)
    c.cost, c.used = cost, c.used + cost
    v = v + 2
  end
  if c.last + duration > c.now then save(c) else redis.call('DEL', key) end
end
return 1
`);

/**
 * Reads counters.
 * - KEYS: the counters.
 * - ARGV: the time or '', then the duration of each counter.
 * - Returns a text for each counter: the time when its newest entry began (ms), then for each entry, oldest first, the
 * time of its last cost (ms) and its cost. The text is empty if nothing counts.
 */
export const readScript = script(`${prelude}${listing}
save = function() end
local us, reply = clock(), {}
for i, key in ipairs(KEYS) do
  local c = load(key, tonumber(ARGV[i + 1]), us)
  local texts = {}
  if c.id then texts[1] = string.format('%.0f', floor(c.id / 1000)) end
  for _, e in ipairs(entries(c)) do
    texts[#texts + 1] = string.format('%.0f %.17g', e.last, e.cost)
  end
  reply[i] = table.concat(texts, ' ')
end
return reply
`);

/**
 * Checks the marker by which processes notice that Redis may have lost data. Replaces the marker if it is missing or no
 * longer valid. A flush deletes the marker. A restart or failover makes it invalid: a marker begins with the ids that
 * Redis had when the marker was set, and Redis has other ids afterwards.
 * - KEYS: the marker.
 * - ARGV: a text that no earlier marker has.
 * - Returns the marker before the call and after it.
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
