--[[ set_share: set what a lot that is over takes of a bidder's purse: their award's share; 0: the award has ended.
  KEYS[1]  sale's purse         a1:{shard}:purse:<sale>
  KEYS[2]  shard's lineage      a1:{shard}:lineage
  ARGV[1]  lot id
  ARGV[2]  bidder
  ARGV[3]  share_fen
  ARGV[4]  lineage that the caller knows
  ARGV[5]  not_after_ms         0: any time
  Returns  msgpack [code, false, now_ms]; codes: ok
  Mirrors  auction/domain/deposits.py::share_fen ]]
-- include: closing
local share, now = number(ARGV[3], 'share_fen'), clock()
local refused = refuse_caller(KEYS[2], ARGV[4], ARGV[5], now)
if refused then
  return refused
end
put_share({purse = KEYS[1]}, ARGV[1], ARGV[2], share)
return answer('ok', nil, now)
