--[[ close_lot: close a lot: the clerk when it is past its end (or pause it for an outage), staff at once, paused too.
  KEYS[1]  lot state hash       a1:{shard}:lot:<id>
  KEYS[2]  sale's purse         a1:{shard}:purse:<sale>
  KEYS[3]  deadlines            a1:{shard}:due
  KEYS[4]  shard's stream       a1:{shard}:ledger
  KEYS[5]  shard's lineage      a1:{shard}:lineage
  KEYS[6]  accepted keys        a1:{shard}:lot:<id>:keys
  KEYS[7]  bidding activity     a1:{shard}:activity
  ARGV[1]  lot id
  ARGV[2]  mode                 due or now
  ARGV[3]  reason
  ARGV[4]  by
  ARGV[5]  lineage that the caller knows
  ARGV[6]  not_after_ms         0: any time
  ARGV[7]  action key           the same for a repetition, which changes nothing; empty: none
  Returns  msgpack [code, snapshot or false, now_ms]; codes: ok, done, lot-unknown, wrong-status, not-due
  Mirrors  auction/domain/lot.py::close_if_due, ::close_now ]]
-- include: closing
local keys = {purse = KEYS[2], due = KEYS[3], ledger = KEYS[4], accepted = KEYS[6], activity = KEYS[7]}
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
local ended = close_if_due(lot, now, keys)
if ARGV[2] == 'due' then
  if ended then
    return answer('ok', lot, now)
  end
  return answer((lot.status == 'closed' or lot.status == 'void') and 'done' or 'not-due', lot, now)
end
if not is_endable(lot) then
  return answer('wrong-status', lot, now)
end
check_types(keys)
commit(lot, {close(lot, now, 'staff', ARGV[3], ARGV[4])}, now, keys)
note_done(keys, ARGV[7], lot)
return answer('ok', lot, now)
