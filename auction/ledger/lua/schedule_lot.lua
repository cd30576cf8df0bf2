--[[ schedule_lot: enter a lot with its frozen terms; again with the same terms changes nothing.
  KEYS[1]  lot state hash       a1:{shard}:lot:<id>
  KEYS[2]  deadlines            a1:{shard}:due
  KEYS[3]  shard's stream       a1:{shard}:ledger
  KEYS[4]  shard's lineage      a1:{shard}:lineage
  ARGV[1]  lot id
  ARGV[2]  terms                msgpack map, see auction/ledger/terms_codec.py
  ARGV[3]  terms' SHA-256       hex
  ARGV[4]  opens_at_ms
  ARGV[5]  ends_at_ms
  ARGV[6]  hard_stop_at_ms      0: none
  ARGV[7]  lineage that the caller knows
  ARGV[8]  not_after_ms         0: any time
  Returns  msgpack [code, snapshot or false, now_ms]; codes: ok, done, wrong-status, in-the-past
  Mirrors  auction/domain/lot.py::schedule ]]
-- include: closing
local keys = {due = KEYS[2], ledger = KEYS[3]}
local opens_at, ends_at = number(ARGV[4], 'opens_at_ms'), number(ARGV[5], 'ends_at_ms')
local hard_stop = number(ARGV[6], 'hard_stop_at_ms')
local terms = cmsgpack.unpack(ARGV[2])
local lot, now, refused = read_lot(KEYS[1], ARGV[1], KEYS[4], ARGV[7], ARGV[8])
if refused then
  return refused
end
if lot then
  local same = redis.call('HGET', KEYS[1], 'terms_sha256') == ARGV[3]
  return answer(same and 'done' or 'wrong-status', lot, now)
end
if ends_at <= now then
  return answer('in-the-past', nil, now)
end
check_types(keys)
lot = {
  key = KEYS[1], id = ARGV[1], terms = terms, status = 'scheduled', epoch = 1, seq = 0, price = 0, leader = '',
  paddle = 0, ceiling = 0, bids = 0, opens_at = opens_at, ends_at = ends_at, hard_stop = hard_stop, remaining = 0,
  stopped_at = 0, review = terms.review, last_at = 0, chain = '', was_leader = '', was_ceiling = 0,
}
minimum_of(lot) -- terms that cannot be used fail here, before the first write
commit(lot, {{'scheduled', ARGV[3], opens_at, ends_at, hard_stop}}, now, keys)
redis.call('HSET', KEYS[1], 'terms', ARGV[2], 'terms_sha256', ARGV[3])
return answer('ok', lot, now)
