--[[ pause_lot: pause an open lot and keep its remaining time, for staff.
  KEYS[1]  lot state hash       a1:{shard}:lot:<id>
  KEYS[2]  sale's purse         a1:{shard}:purse:<sale>
  KEYS[3]  deadlines            a1:{shard}:due
  KEYS[4]  shard's stream       a1:{shard}:ledger
  KEYS[5]  shard's lineage      a1:{shard}:lineage
  KEYS[6]  accepted keys        a1:{shard}:lot:<id>:keys
  KEYS[7]  bidding activity     a1:{shard}:activity
  ARGV[1]  lot id
  ARGV[2]  reason
  ARGV[3]  by
  ARGV[4]  lineage that the caller knows
  ARGV[5]  not_after_ms         0: any time
  ARGV[6]  action key           the same for a repetition, which changes nothing; empty: none
  Returns  msgpack [code, snapshot or false, now_ms]; codes: ok, done, lot-unknown, wrong-status
  Mirrors  auction/domain/lot.py::pause ]]
-- include: closing
local keys = {purse = KEYS[2], due = KEYS[3], ledger = KEYS[4], accepted = KEYS[6], activity = KEYS[7]}
local lot, now, refused = read_lot(KEYS[1], ARGV[1], KEYS[5], ARGV[4], ARGV[5])
if refused then
  return refused
end
if not lot then
  return answer('lot-unknown', nil, now)
end
if was_done(keys, ARGV[6]) then
  return answer('done', lot, now)
end
close_if_due(lot, now, keys)
if lot.status ~= 'open' then
  return answer('wrong-status', lot, now)
end
check_types(keys)
lot.status, lot.remaining, lot.stopped_at = 'paused', lot.ends_at - now, now
commit(lot, {{'paused', lot.remaining, ARGV[2], ARGV[3]}}, now, keys)
redis.call('HSET', lot.key, 'pause_cause', 'staff')
note_done(keys, ARGV[6], lot)
return answer('ok', lot, now)
