--[[ open_lot: open a scheduled lot: the clerk when its time has come, staff at once.
  KEYS[1]  lot state hash       a1:{shard}:lot:<id>
  KEYS[2]  sale's purse         a1:{shard}:purse:<sale>
  KEYS[3]  deadlines            a1:{shard}:due
  KEYS[4]  shard's stream       a1:{shard}:ledger
  KEYS[5]  shard's lineage      a1:{shard}:lineage
  KEYS[6]  accepted keys        a1:{shard}:lot:<id>:keys
  KEYS[7]  bidding activity     a1:{shard}:activity
  ARGV[1]  lot id
  ARGV[2]  mode                 due or now
  ARGV[3]  ends_at_ms           0 with mode due: as scheduled
  ARGV[4]  by
  ARGV[5]  lineage that the caller knows
  ARGV[6]  not_after_ms         0: any time
  ARGV[7]  action key           the same for a repetition, which changes nothing; empty: none
  Returns  msgpack [code, snapshot or false, now_ms]
           codes: ok, done, lot-unknown, wrong-status, not-due, missed (its end has passed), in-the-past
  Mirrors  auction/domain/lot.py::open_when_due, ::open_now ]]
-- include: closing
local keys = {purse = KEYS[2], due = KEYS[3], ledger = KEYS[4], accepted = KEYS[6], activity = KEYS[7]}
local due, ends_at = ARGV[2] == 'due', number(ARGV[3], 'ends_at_ms')
local lot, now, refused = read_lot(KEYS[1], ARGV[1], KEYS[5], ARGV[5], ARGV[6])
if refused then
  return refused
end
if not lot then
  return answer('lot-unknown', nil, now)
end
if was_done(keys, ARGV[7]) then
  return answer('done', lot, now)
end
close_if_due(lot, now, keys)
if lot.status ~= 'scheduled' then
  return answer(due and lot.status == 'open' and 'done' or 'wrong-status', lot, now)
end
check_types(keys)
if due then
  if now < lot.opens_at then
    return answer('not-due', lot, now)
  elseif now >= lot.ends_at then
    redis.call('ZREM', keys.due, lot.id) -- only staff can open it now, with a new end
    return answer('missed', lot, now)
  end
else
  if ends_at <= now then
    return answer('in-the-past', lot, now)
  end
  lot.ends_at = ends_at
  lot.hard_stop = lot.terms.hard > 0 and ends_at + lot.terms.hard or 0
end
lot.status, lot.opens_at = 'open', now
commit(lot, {{'opened', lot.ends_at, lot.hard_stop, ARGV[4]}}, now, keys)
note_done(keys, ARGV[7], lot)
return answer('ok', lot, now)
