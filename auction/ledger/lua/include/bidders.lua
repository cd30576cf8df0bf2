-- bidders: an admitted bidder's {paddle, limit, purse, exposure}, false where not admitted.
-- include: lot
-- `known` holds the bidders of a batch: their exposure is read once and updated there with each accepted bid.
local function bidder_of(known, lot, keys, bidder, packed)
  if known[bidder] ~= nil then
    return known[bidder]
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
  known[bidder] = who
  return who
end
