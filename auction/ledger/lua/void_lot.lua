--[[ void_lot: void a lot that has not closed, for staff; its last event.
  KEYS[1]  lot state hash       a1:{shard}:lot:<id>
  KEYS[2]  sale's purse         a1:{shard}:purse:<sale>
  KEYS[3]  deadlines            a1:{shard}:due
  KEYS[4]  shard's stream       a1:{shard}:ledger
  ARGV[1]  lot id
  ARGV[2]  reason
  ARGV[3]  by
  Returns  msgpack [code, snapshot or false, now_ms]; codes: ok, lot-unknown, wrong-status
  Mirrors  auction/domain/lot.py::void ]]
-- include: closing
local keys = {purse = KEYS[2], due = KEYS[3], ledger = KEYS[4]}
local lot, now = read_lot(KEYS[1], ARGV[1])
if not lot then
  return answer('lot-unknown', nil, now)
end
close_if_due(lot, now, keys)
if lot.status == 'closed' or lot.status == 'void' then
  return answer('wrong-status', lot, now)
end
check_types(keys)
lot.status, lot.ends_at = 'void', math.min(lot.ends_at, now)
commit(lot, {{'void', ARGV[2], ARGV[3]}}, now, keys)
return answer('ok', lot, now)
