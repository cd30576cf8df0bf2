--[[ restore_lot: replace a lot's keys by what the archive folds to; begins a new epoch unless the lot is over.
  KEYS[1]  lot state hash       a1:{shard}:lot:<id>
  KEYS[2]  sale's purse         a1:{shard}:purse:<sale>
  KEYS[3]  deadlines            a1:{shard}:due
  KEYS[4]  shard's stream       a1:{shard}:ledger
  KEYS[5]  admitted bidders     a1:{shard}:lot:<id>:bidders
  KEYS[6]  the same, rebuilt    a1:{shard}:lot:<id>:bidders:restored
  KEYS[7]  accepted keys        a1:{shard}:lot:<id>:keys
  KEYS[8]  the same, rebuilt    a1:{shard}:lot:<id>:keys:restored
  ARGV[1]  lot id
  ARGV[2]  state                msgpack map of the lot's hash, without seq and epoch of the event
  ARGV[3]  terms                msgpack map, see auction/ledger/terms_codec.py
  ARGV[4]  terms' SHA-256       hex
  ARGV[5]  event                msgpack array, the `restored` event; empty: the lot is over and gets none
  ARGV[6]  seq in the ledger    that the caller saw; -1: the ledger did not know the lot
  ARGV[7]  shares               msgpack map, bidder -> share_fen of awards and offers of the lot, 0: has ended
  Returns  msgpack [code, snapshot or false, now_ms]; codes: ok, ledger-moved
  Mirrors  auction/domain/recovery.py::restore ]]
-- include: closing
local keys = {purse = KEYS[2], due = KEYS[3], ledger = KEYS[4]}
local lot, event = cmsgpack.unpack(ARGV[2]), ARGV[5] ~= '' and cmsgpack.unpack(ARGV[5])
local now = clock()
local before = redis.call('HMGET', KEYS[1], 'seq', 'leader', 'ceiling', 'status')
if tonumber(before[1] or -1) ~= number(ARGV[6], 'seq in the ledger') then
  return answer('ledger-moved', nil, now)
end
check_types(keys)
lot.key, lot.id, lot.terms = KEYS[1], ARGV[1], cmsgpack.unpack(ARGV[3])
minimum_of(lot) -- terms that cannot be used fail here, before the first write
local was_over = before[4] == 'closed' or before[4] == 'void'
lot.was_leader, lot.was_ceiling = before[2] or '', was_over and 0 or tonumber(before[3] or 0)
local shares = cmsgpack.unpack(ARGV[7])
now = math.max(now, lot.last_at)
local function put_in_place(key, rebuilt_key)
  redis.call('DEL', key)
  if redis.call('EXISTS', rebuilt_key) == 1 then
    redis.call('RENAME', rebuilt_key, key)
  end
end
put_in_place(KEYS[5], KEYS[6])
put_in_place(KEYS[7], KEYS[8])
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'terms', ARGV[3], 'terms_sha256', ARGV[4])
if event then
  commit(lot, {event}, now, keys)
else
  store(lot, keys)
  move_share(lot, keys)
end
for bidder, share in pairs(shares) do
  put_share(keys, lot.id, bidder, share)
end
return answer('ok', lot, now)
