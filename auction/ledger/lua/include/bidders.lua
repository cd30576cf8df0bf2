-- bidders: an admitted bidder as the checks need them: {paddle, limit, purse, exposure}; false where not admitted.
-- include: lot
-- `standing` keeps each bidder of a batch; what they lead with in the sale is read once and moved along there.
local function bidder_of(standing, lot, keys, bidder, packed)
  if standing[bidder] ~= nil then
    return standing[bidder]
  end
  local who = false
  if packed then
    local row = cmsgpack.unpack(packed)
    who = {paddle = row[1], limit = row[2], purse = 0, exposure = 0}
    if lot.terms.purse then
      local v = redis.call('HMGET', keys.purse, 'purse:' .. bidder, 'exposure:' .. bidder)
      who.purse, who.exposure = tonumber(v[1] or 0), tonumber(v[2] or 0)
      if bidder == lot.was_leader and bidder ~= lot.leader then
        who.exposure = who.exposure - lot.was_ceiling -- outbid earlier in this batch
      end
    end
  end
  standing[bidder] = who
  return who
end
