--[[ read_lot: read a lot's state by the ledger's clock; writes nothing.
  KEYS[1]  lot state hash       a1:{shard}:lot:<id>
  ARGV[1]  lot id
  Returns  msgpack [code, snapshot or false, now_ms]; codes: ok, lot-unknown
  Mirrors  auction/domain/lot.py::Lot ]]
-- include: closing
local lot, now = read_lot(KEYS[1], ARGV[1])
return answer(lot and 'ok' or 'lot-unknown', lot, now)
