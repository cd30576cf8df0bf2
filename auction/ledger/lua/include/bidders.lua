-- bidders: an admitted bidder's {paddle, limit, power, others}, false where not admitted.
-- include: lot purse
local function bidder_of(lot, keys, bidder, packed)
  if not packed then
    return false
  end
  local row = cmsgpack.unpack(packed)
  local who = {paddle = row[1], limit = row[2]}
  if lot.terms.purse then
    who.power, who.others = purse_of(lot, keys, bidder)
  end
  return who
end
