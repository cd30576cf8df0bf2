-- batch: reads the bids of a call and checks them, before anything else happens.
-- Returns the bids [bidder, amount, key], their bidders, the fields of their receipts, and what is wrong with them, if
-- anything is.
local function read_batch(packed)
  local bids = cmsgpack.unpack(packed)
  local names, fields = {}, {}
  if type(bids) ~= 'table' or #bids < 1 or #bids > 512 or table.maxn(bids) ~= #bids then
    return nil, nil, nil, 'ERR place_bids takes 1 to 512 bids'
  end
  for i = 1, #bids do
    local bid = bids[i]
    if type(bid) ~= 'table' or type(bid[1]) ~= 'string' or type(bid[2]) ~= 'number' or type(bid[3]) ~= 'string'
      or bid[2] < 1 or bid[2] > 10000000000000 or bid[2] ~= math.floor(bid[2]) then
      return nil, nil, nil, 'ERR bid ' .. i .. ' must be [bidder, whole amount from 1 to 10^13, key]'
    end
    names[i], fields[i] = bid[1], bid[3] .. ' ' .. bid[1]
  end
  return bids, names, fields
end
