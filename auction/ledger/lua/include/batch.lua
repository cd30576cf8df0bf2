-- batch: reads the bids of a call and checks them, before anything else happens.
-- Returns the bids ([bidder, amount, key], with 1 after it where the amount is a maximum), their bidders, the fields of
-- their receipts, and what is wrong with them, if anything is.
local function read_batch(packed)
  local bids = cmsgpack.unpack(packed)
  local names, fields = {}, {}
  if type(bids) ~= 'table' or #bids < 1 or #bids > 512 or table.maxn(bids) ~= #bids then
    return nil, nil, nil, 'ERR place_bids takes 1 to 512 bids'
  end
  local type, floor = type, math.floor
  for i = 1, #bids do
    local bid = bids[i]
    local bidder, amount, key, maximum
    if type(bid) == 'table' then
      bidder, amount, key, maximum = bid[1], bid[2], bid[3], bid[4]
    end
    if type(bidder) ~= 'string' or type(amount) ~= 'number' or type(key) ~= 'string' or (maximum and maximum ~= 1)
      or amount < (maximum and 0 or 1) or amount > 10000000000000 or amount ~= floor(amount) then
      return nil, nil, nil, 'ERR bid ' .. i .. ' must be [bidder, whole amount from 1 to 10^13, key]'
    end
    names[i], fields[i] = bidder, key .. ' ' .. bidder
  end
  return bids, names, fields
end
