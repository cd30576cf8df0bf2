-- bidders: an admitted bidder's {paddle, limit, power, others}, false where not admitted.
-- include: lot purse
-- `known` holds the bidders of a batch: what other lots take of their purses does not change in it.
local function bidder_of(known, lot, keys, bidder, packed)
  if known[bidder] == nil then
    local who = false
    if packed then
      local row = cmsgpack.unpack(packed)
      who = {paddle = row[1], limit = row[2]}
      if lot.terms.purse then
        who.power, who.others = purse_of(lot, keys, bidder)
      end
    end
    known[bidder] = who
  end
  return known[bidder]
end
