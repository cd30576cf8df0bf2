--[[ reschedule_lot: give a scheduled lot other times before it opens, for staff; the same times change nothing.
  KEYS[1]  lot state hash       a1:{shard}:lot:<id>
  KEYS[2]  sale's purse         a1:{shard}:purse:<sale>
  KEYS[3]  deadlines            a1:{shard}:due
  KEYS[4]  shard's stream       a1:{shard}:ledger
  KEYS[5]  shard's lineage      a1:{shard}:lineage
  KEYS[6]  bidding activity     a1:{shard}:activity
  ARGV[1]  lot id
  ARGV[2]  opens_at_ms
  ARGV[3]  ends_at_ms
  ARGV[4]  by
  ARGV[5]  lineage that the caller knows
  ARGV[6]  not_after_ms         0: any time
  Returns  msgpack [code, snapshot or false, now_ms]; codes: ok, done, lot-unknown, wrong-status, in-the-past
  Mirrors  auction/domain/lot.py::reschedule ]]
-- include: closing
local keys = {purse = KEYS[2], due = KEYS[3], ledger = KEYS[4], activity = KEYS[6]}
local opens_at, ends_at = number(ARGV[2], 'opens_at_ms'), number(ARGV[3], 'ends_at_ms')
if ends_at <= opens_at then
  return redis.error_reply('ERR ends_at_ms must be after opens_at_ms')
end
local lot, now, refused = read_lot(KEYS[1], ARGV[1], KEYS[5], ARGV[5], ARGV[6])
if refused then
  return refused
end
if not lot then
  return answer('lot-unknown', nil, now)
end
close_if_due(lot, now, keys)
if lot.status ~= 'scheduled' then
  return answer('wrong-status', lot, now)
elseif ends_at <= now then
  return answer('in-the-past', lot, now)
elseif opens_at == lot.opens_at and ends_at == lot.ends_at then
  return answer('done', lot, now)
end
check_types(keys)
lot.opens_at, lot.ends_at = opens_at, ends_at
lot.hard_stop = lot.terms.hard > 0 and ends_at + lot.terms.hard or 0
commit(lot, {{'rescheduled', opens_at, ends_at, lot.hard_stop, ARGV[4]}}, now, keys)
return answer('ok', lot, now)
