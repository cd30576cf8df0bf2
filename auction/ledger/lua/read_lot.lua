--[[ read_lot: read a lot's state by the ledger's clock; writes nothing.
  KEYS[1]  lot state hash       a1:{shard}:lot:<id>
  KEYS[2]  shard's lineage      a1:{shard}:lineage
  ARGV[1]  lot id
  ARGV[2]  lineage that the caller knows
  ARGV[3]  not_after_ms         0: any time
  Returns  msgpack [code, snapshot or false, now_ms]; codes: ok, lot-unknown
  Mirrors  auction/domain/lot.py::Lot ]]
-- include: closing
local lot, now, refused = read_lot(KEYS[1], ARGV[1], KEYS[2], ARGV[2], ARGV[3])
if refused then
  return refused
end
return answer(lot and 'ok' or 'lot-unknown', lot, now)
