--[[ freeze_lot: stop a lot whose record is not sound; no bid is decided and its end does not come until it is restored.
  KEYS[1]  lot state hash       a1:{shard}:lot:<id>
  KEYS[2]  sale's purse         a1:{shard}:purse:<sale>
  KEYS[3]  deadlines            a1:{shard}:due
  KEYS[4]  shard's stream       a1:{shard}:ledger
  KEYS[5]  shard's lineage      a1:{shard}:lineage
  KEYS[6]  bidding activity     a1:{shard}:activity
  ARGV[1]  lot id
  ARGV[2]  cause                see auction/domain/events.py::FreezeCause
  ARGV[3]  lineage that the caller knows
  ARGV[4]  not_after_ms         0: any time
  Returns  msgpack [code, snapshot or false, now_ms]; codes: ok, done, lot-unknown, wrong-status
  Mirrors  auction/domain/recovery.py::freeze ]]
-- include: closing
local keys = {purse = KEYS[2], due = KEYS[3], ledger = KEYS[4], activity = KEYS[6]}
local lot, now, refused = read_lot(KEYS[1], ARGV[1], KEYS[5], ARGV[3], ARGV[4])
if refused then
  return refused
end
if not lot then
  return answer('lot-unknown', nil, now)
elseif lot.status == 'frozen' then
  return answer('done', lot, now)
elseif not is_admitting(lot) then
  return answer('wrong-status', lot, now)
end
check_types(keys)
lot.activity = read_activity(keys)
interrupt_if_due(lot, now, keys)
if lot.status == 'open' then
  lot.remaining, lot.stopped_at = math.max(0, lot.ends_at - now), now
end
lot.status = 'frozen'
commit(lot, {{'frozen', lot.remaining, ARGV[2]}}, now, keys)
return answer('ok', lot, now)
