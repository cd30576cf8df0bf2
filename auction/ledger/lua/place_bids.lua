--[[ place_bids: decide a batch of bids on one lot, in order, atomically.
  KEYS[1]  lot state hash           a1:{shard}:lot:<id>
  KEYS[2]  admitted bidders hash    a1:{shard}:lot:<id>:bidders   bidder -> msgpack [paddle, limit]
  KEYS[3]  accepted keys hash       a1:{shard}:lot:<id>:keys      key, space, bidder -> msgpack receipt
  KEYS[4]  sale's purse hash        a1:{shard}:purse:<sale>
  KEYS[5]  deadlines sorted set     a1:{shard}:due
  KEYS[6]  shard's stream           a1:{shard}:ledger
  KEYS[7]  shard's lineage          a1:{shard}:lineage
  KEYS[8]  bidding activity         a1:{shard}:activity
  ARGV[1]  lot id
  ARGV[2]  bids                     msgpack [[bidder, amount, key], or with 1 as a maximum, ...], 1 to 512
  ARGV[3]  lineage that the caller knows
  ARGV[4]  not_after_ms             0: any time
  Returns  msgpack [now_ms, epoch, answers, last seq, chain], one answer a bid:
           ["accepted" or "repeated", seq, amount, price, minimum, leading, paddle, ends_at, at] or
           [refusal code, at_seq, price, minimum, ends_at, fact or false]
  Mirrors  auction/domain/bidding.py::decide ]]
-- include: batch bidders maxima
local bids, names, fields, problem = read_batch(ARGV[2])
local keys = {purse = KEYS[4], due = KEYS[5], ledger = KEYS[6], activity = KEYS[8]}
local answers = {}
if problem then
  return redis.error_reply(problem)
end

local lot, now, refused = read_lot(KEYS[1], ARGV[1], KEYS[7], ARGV[3], ARGV[4])
if refused then
  return refused
end
if not lot or lot.status == 'frozen' then
  for i = 1, #bids do
    answers[i] = lot and {'lot-frozen', lot.seq, lot.price, minimum_of(lot), lot.ends_at, false}
      or {'lot-unknown', 0, 0, 0, 0, false}
  end
  return cmsgpack.pack({now, lot and lot.epoch or 0, answers, lot and lot.seq or 0, lot and lot.chain or ''})
end
local admissions = redis.call('HMGET', KEYS[2], unpack(names))
local receipts = redis.call('HMGET', KEYS[3], unpack(fields))
check_types(keys)
close_if_due(lot, now, keys)

local known, fresh, stored, kept = {}, {}, {}, 0
local made, proxy, auto, pack = {events = {}, count = 0}, lot.terms.proxy, lot.terms.auto, cmsgpack.pack
local function accept(who, bidder, amount, key)
  local price, leads = amount, true
  if proxy then
    price, leads = proxy_price(lot, bidder, amount)
  end
  local receipt = make_bid(lot, now, made, bidder, who.paddle, amount, key, price, leads)
  receipt[4] = minimum_of(lot)
  follow_price(lot, now, made)
  return receipt
end

for i = 1, #bids do
  local bid = bids[i]
  local bidder, amount = bid[1], bid[2]
  local who = known[bidder]
  if who == nil then
    who = bidder_of(lot, keys, bidder, admissions[i])
    known[bidder] = who
  end
  local first = fresh[fields[i]] or (receipts[i] and cmsgpack.unpack(receipts[i]))
  local code, fact, receipt
  if not who then
    code = 'not-registered'
  elseif first and first[2] ~= amount then
    code = 'key-reused'
  elseif first then
    code, receipt = 'repeated', first
  else
    code, fact = refusal(lot, now, who, bidder, amount, bid[4])
    if not code and auto then
      receipt, code, fact = contend(lot, now, made, who, bid, KEYS[2])
    elseif not code then
      receipt = accept(who, bidder, amount, bid[3])
    end
    if receipt then
      code, fresh[fields[i]], stored[kept + 1], stored[kept + 2] = 'accepted', receipt, fields[i], pack(receipt)
      kept = kept + 2
    end
  end
  answers[i] = receipt and {code, unpack(receipt)}
    or {code, lot.seq + made.count, lot.price, minimum_of(lot), lot.ends_at, fact or false}
end
if made.count > 0 then
  commit(lot, made.events, now, keys)
  if kept > 0 then
    redis.call('HSET', KEYS[3], unpack(stored))
  end
  note_sign(lot.activity, lot.clock, keys)
end
return cmsgpack.pack({now, lot.epoch, answers, lot.seq, lot.chain})
