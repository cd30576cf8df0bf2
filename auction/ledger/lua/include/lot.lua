-- lot: reads a lot's hash and the clock, and derives step, floor and minimum. Mirrors auction/domain/lot.py::Lot.
-- include: number
-- The server's clock, UTC ms.
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Takes the key of the shard's lineage, the lineage that the caller knows (empty: any; *: any, and a stopped shard too,
-- for checks), and the time until which the call may be carried out (0: any). Returns an error where it may not be:
-- Redis holds another ledger than the one that was checked, or the caller has given up waiting.
local function refuse_caller(lineage_key, lineage, not_after, now)
  local held = redis.call('GET', lineage_key)
  if lineage ~= '*' and (not held or held == 'stopped' or (lineage ~= '' and held ~= lineage)) then
    return redis.error_reply('LINEAGE this is not the ledger that was checked')
  elseif tonumber(not_after) > 0 and now > tonumber(not_after) then
    return redis.error_reply('LATE ' .. text(now))
  end
end

-- The lot (nil where there is none), its time, and the error where the call may not be carried out.
local function read_lot(key, id, lineage_key, lineage, not_after)
  local v = redis.call('HMGET', key, 'terms', 'status', 'epoch', 'seq', 'price', 'leader', 'paddle', 'ceiling', 'bids',
    'opens_at', 'ends_at', 'hard_stop', 'remaining', 'stopped_at', 'review', 'last_at', 'chain')
  local now = clock()
  local refused = refuse_caller(lineage_key, lineage, not_after, now)
  if refused or not v[1] then
    return nil, now, refused
  end
  local lot = {
    key = key, id = id, clock = now, terms = cmsgpack.unpack(v[1]), status = v[2], epoch = tonumber(v[3]),
    seq = tonumber(v[4]), price = tonumber(v[5]), leader = v[6], paddle = tonumber(v[7]), ceiling = tonumber(v[8]),
    bids = tonumber(v[9]), opens_at = tonumber(v[10]), ends_at = tonumber(v[11]), hard_stop = tonumber(v[12]),
    remaining = tonumber(v[13]), stopped_at = tonumber(v[14]), review = tonumber(v[15]), last_at = tonumber(v[16]),
    chain = v[17],
  }
  lot.was_leader, lot.was_ceiling, lot.was_secured = lot.leader, lot.ceiling, lot.ceiling
  return lot, math.max(now, lot.last_at)
end

-- Whether bidders may be admitted, and staff may void it: it is neither over nor frozen.
local function is_admitting(lot)
  return lot.status ~= 'closed' and lot.status ~= 'void' and lot.status ~= 'frozen'
end

-- Whether staff may close it or move its end: a held lot waits for its review.
local function is_endable(lot)
  return lot.status == 'open' or lot.status == 'paused'
end

local function step_at(terms, price)
  local step = terms.steps[1][2]
  for i = 2, #terms.steps do
    if terms.steps[i][1] > price then
      break
    end
    step = terms.steps[i][2]
  end
  return step
end

local FEN_MAX = 10000000000000

-- The most that a bid may be; `terms.cap` is 0 where there is no cap.
local function highest_of(terms)
  return terms.cap > 0 and terms.cap or FEN_MAX
end

local function floor_of(lot)
  local terms, price = lot.terms, lot.price
  -- asked twice a bid: before it, and for its receipt
  if lot.floor_price ~= price then
    lot.floor_price = price
    lot.floor = math.min(price == 0 and terms.start or price + step_at(terms, price), highest_of(terms))
  end
  return lot.floor
end

local function minimum_of(lot)
  local terms, floor = lot.terms, floor_of(lot)
  if not terms.grid then
    return floor
  end
  local step = step_at(terms, math.max(lot.price, terms.start))
  return math.min(floor + (terms.start - floor) % step, highest_of(terms))
end

-- The lot's state as every script returns it; decoded into auction/ledger/replies.py::Snapshot.
local function snapshot(lot, now)
  local pause_cause = lot.status == 'paused' and redis.call('HGET', lot.key, 'pause_cause') or ''
  return {lot.status, lot.epoch, lot.seq, lot.price, lot.leader, lot.paddle, lot.ceiling, lot.bids, minimum_of(lot),
    lot.opens_at, lot.ends_at, lot.hard_stop, lot.remaining, lot.review, now, lot.chain,
    pause_cause}
end
