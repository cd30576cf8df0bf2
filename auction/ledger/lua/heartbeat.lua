--[[ heartbeat: note that bids can be decided on a shard; nothing is kept while it has no lot that is scheduled or open.
  KEYS[1]  bidding activity     a1:{shard}:activity
  KEYS[2]  deadlines            a1:{shard}:due
  KEYS[3]  shard's lineage      a1:{shard}:lineage
  ARGV[1]  limit_ms             a longer silence is an outage; 0: none is
  ARGV[2]  lineage that the caller knows
  ARGV[3]  not_after_ms         0: any time
  Returns  msgpack [code, false, now_ms]; codes: ok, idle
  Mirrors  auction/domain/outage.py::BidActivity ]]
-- include: closing
local keys = {activity = KEYS[1], due = KEYS[2]}
local limit = number(ARGV[1], 'limit_ms')
local now = clock()
local refused = refuse_caller(KEYS[3], ARGV[2], ARGV[3], now)
if refused then
  return refused
end
local activity = read_activity(keys)
if limit == 0 or redis.call('ZCARD', keys.due) == 0 then
  if activity then
    redis.call('DEL', keys.activity)
  end
  return answer('idle', nil, now)
end
if activity then
  activity.limit = limit
  note_sign(activity, now, keys)
else
  redis.call('HSET', keys.activity, 'seen_at', text(now), 'limit', text(limit), 'from', '0', 'to', '0', 'until', '0')
end
return answer('ok', nil, now)
