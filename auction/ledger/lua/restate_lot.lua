--[[ restate_lot: void one bid of a paused or held lot whose seq is still the given one; begins a new epoch.
  KEYS[1]  lot state hash       a1:{shard}:lot:<id>
  KEYS[2]  sale's purse         a1:{shard}:purse:<sale>
  KEYS[3]  deadlines            a1:{shard}:due
  KEYS[4]  shard's stream       a1:{shard}:ledger
  KEYS[5]  shard's lineage      a1:{shard}:lineage
  KEYS[6]  accepted keys        a1:{shard}:lot:<id>:keys
  KEYS[7]  bidding activity     a1:{shard}:activity
  ARGV[1]  lot id
  ARGV[2]  seq at which price and leader were folded
  ARGV[3]  voided bid's seq
  ARGV[4]  price_fen            without that bid; 0: no bid is left
  ARGV[5]  leader               empty: no bid is left
  ARGV[6]  leader's paddle
  ARGV[7]  ceiling_fen
  ARGV[8]  reason
  ARGV[9]  by
  ARGV[10]  lineage that the caller knows
  ARGV[11]  not_after_ms        0: any time
  ARGV[12]  action key          the same for a repetition, which changes nothing; empty: none
  Returns  msgpack [code, snapshot or false, now_ms]; codes: ok, done, lot-unknown, wrong-status, ledger-moved
  Mirrors  auction/domain/lot.py::restate ]]
-- include: closing
local keys = {purse = KEYS[2], due = KEYS[3], ledger = KEYS[4], accepted = KEYS[6], activity = KEYS[7]}
local seq, bid_seq = number(ARGV[2], 'seq'), number(ARGV[3], 'bid_seq')
local price, paddle, ceiling = number(ARGV[4], 'price_fen'), number(ARGV[6], 'paddle'), number(ARGV[7], 'ceiling_fen')
local lot, now, refused = read_lot(KEYS[1], ARGV[1], KEYS[5], ARGV[10], ARGV[11])
if refused then
  return refused
end
if not lot then
  return answer('lot-unknown', nil, now)
end
if was_done(keys, ARGV[12]) then
  return answer('done', lot, now)
end
close_if_due(lot, now, keys)
if lot.status ~= 'paused' and lot.status ~= 'held' then
  return answer('wrong-status', lot, now)
elseif lot.seq ~= seq then
  return answer('ledger-moved', lot, now)
end
check_types(keys)
lot.epoch, lot.bids = lot.epoch + 1, lot.bids - 1
lot.price, lot.leader, lot.paddle, lot.ceiling = price, ARGV[5], paddle, ceiling
commit(lot, {{'voided', bid_seq, price, lot.leader, paddle, ceiling, ARGV[8], ARGV[9]}}, now, keys)
note_done(keys, ARGV[12], lot)
return answer('ok', lot, now)
