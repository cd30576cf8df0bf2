--[[ admit_bidder: admit a bidder to a lot, or change their limit and purse; the same again changes nothing.
  KEYS[1]  lot state hash       a1:{shard}:lot:<id>
  KEYS[2]  admitted bidders     a1:{shard}:lot:<id>:bidders
  KEYS[3]  sale's purse         a1:{shard}:purse:<sale>
  KEYS[4]  deadlines            a1:{shard}:due
  KEYS[5]  shard's stream       a1:{shard}:ledger
  KEYS[6]  shard's lineage      a1:{shard}:lineage
  KEYS[7]  bidding activity     a1:{shard}:activity
  ARGV[1]  lot id
  ARGV[2]  bidder
  ARGV[3]  paddle
  ARGV[4]  limit_fen            -1: unlimited
  ARGV[5]  purse_fen            -1: the terms have no purse
  ARGV[6]  held_fen             what is held behind the purse; -1: as much as the purse
  ARGV[7]  lineage that the caller knows
  ARGV[8]  not_after_ms         0: any time
  Returns  msgpack [code, snapshot or false, now_ms]; codes: ok, done, lot-unknown, wrong-status, paddle-differs
  Mirrors  auction/domain/lot.py::apply (Admitted) ]]
-- include: closing
local keys = {purse = KEYS[3], due = KEYS[4], ledger = KEYS[5], activity = KEYS[7]}
local bidder, paddle = ARGV[2], number(ARGV[3], 'paddle')
local limit, purse, held = number(ARGV[4], 'limit_fen'), number(ARGV[5], 'purse_fen'), number(ARGV[6], 'held_fen')
local lot, now, refused = read_lot(KEYS[1], ARGV[1], KEYS[6], ARGV[7], ARGV[8])
if refused then
  return refused
end
if not lot then
  return answer('lot-unknown', nil, now)
end
local before = redis.call('HGET', KEYS[2], bidder)
local row = before and cmsgpack.unpack(before)
local power = cmsgpack.pack({purse, held == -1 and purse or held})
local is_same_purse = purse == -1 or redis.call('HGET', KEYS[3], power_field(lot, bidder)) == power
close_if_due(lot, now, keys)
if row and row[1] ~= paddle then
  return answer('paddle-differs', lot, now)
end
if row and row[2] == limit and is_same_purse then
  return answer('done', lot, now)
end
if not is_admitting(lot) then
  return answer('wrong-status', lot, now)
end
check_types(keys)
commit(lot, {{'admitted', bidder, paddle, limit, purse}}, now, keys)
redis.call('HSET', KEYS[2], bidder, cmsgpack.pack({paddle, limit}))
if purse ~= -1 then
  redis.call('HSET', KEYS[3], power_field(lot, bidder), power)
  if lot.terms.purse and bidder == lot.leader then
    secure(lot, keys, bidder, lot.ceiling)
  end
  redis.call('PERSIST', KEYS[3]) -- an earlier lot of the sale may have been its last
end
return answer('ok', lot, now)
