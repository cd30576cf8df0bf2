--[[ extend_lot: move the end of an open or paused lot, for staff.
  KEYS[1]  lot state hash       a1:{shard}:lot:<id>
  KEYS[2]  sale's purse         a1:{shard}:purse:<sale>
  KEYS[3]  deadlines            a1:{shard}:due
  KEYS[4]  shard's stream       a1:{shard}:ledger
  KEYS[5]  shard's lineage      a1:{shard}:lineage
  KEYS[6]  accepted keys        a1:{shard}:lot:<id>:keys
  KEYS[7]  bidding activity     a1:{shard}:activity
  ARGV[1]  lot id
  ARGV[2]  by_ms                above 0
  ARGV[3]  moves hard stop      1: it moves by as much; 0: it stays, and the end does not pass it
  ARGV[4]  reason
  ARGV[5]  by
  ARGV[6]  lineage that the caller knows
  ARGV[7]  not_after_ms         0: any time
  ARGV[8]  action key           the same for a repetition, which changes nothing; empty: none
  Returns  msgpack [code, snapshot or false, now_ms]
           codes: ok, done, lot-unknown, wrong-status, too-far, past-hard-stop
  Mirrors  auction/domain/lot.py::extend ]]
-- include: closing
local keys = {purse = KEYS[2], due = KEYS[3], ledger = KEYS[4], accepted = KEYS[6], activity = KEYS[7]}
local by_ms, moves_hard_stop = number(ARGV[2], 'by_ms'), ARGV[3] == '1'
local LASTS_MAX = 31622400000 -- 366 days
if by_ms < 1 then
  return redis.error_reply('ERR by_ms must be above 0')
end
local lot, now, refused = read_lot(KEYS[1], ARGV[1], KEYS[5], ARGV[6], ARGV[7])
if refused then
  return refused
end
if not lot then
  return answer('lot-unknown', nil, now)
end
if was_done(keys, ARGV[8]) then
  return answer('done', lot, now)
end
close_if_due(lot, now, keys)
if not is_endable(lot) then
  return answer('wrong-status', lot, now)
elseif (lot.status == 'open' and lot.ends_at - now or lot.remaining) + by_ms > LASTS_MAX then
  return answer('too-far', lot, now)
elseif lot.hard_stop > 0 and not moves_hard_stop and lot.ends_at + by_ms > lot.hard_stop then
  return answer('past-hard-stop', lot, now)
end
check_types(keys)
lot.ends_at = lot.ends_at + by_ms
if lot.status == 'paused' then
  lot.remaining = lot.remaining + by_ms
end
if lot.hard_stop > 0 and moves_hard_stop then
  lot.hard_stop = lot.hard_stop + by_ms
end
commit(lot, {{'extended', lot.ends_at, lot.hard_stop, ARGV[4], ARGV[5]}}, now, keys)
note_done(keys, ARGV[8], lot)
return answer('ok', lot, now)
