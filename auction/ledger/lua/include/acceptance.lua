-- acceptance: the events of accepted bids as they are made. Mirrors auction/domain/bidding.py::_accept.
-- include: closing pricing
local function append(made, event)
  made.count = made.count + 1
  made.events[made.count] = event
end

-- Makes a bid at a price; returns its receipt, whose minimum is that after all that follows from the bid.
local function make_bid(lot, now, made, bidder, paddle, amount, key, price, leads)
  if leads then
    lot.leader, lot.paddle, lot.ceiling = bidder, paddle, amount
  end
  local ends_at, flag = end_after_bid(lot, now), leads and 1 or 0
  lot.price, lot.bids, lot.ends_at = price, lot.bids + 1, ends_at
  append(made, {'bid', bidder, paddle, amount, key, price, flag, ends_at})
  return {lot.seq + made.count, amount, price, 0, flag, paddle, ends_at, now}
end

-- What the price does to the lot: at the cap it closes, at the review limit it is held.
local function follow_price(lot, now, made)
  local cap = lot.terms.cap
  if cap > 0 and lot.price >= cap then
    append(made, close(lot, now, 'cap', '', ''))
  elseif lot.review > 0 and lot.price >= lot.review then
    lot.status, lot.remaining, lot.stopped_at = 'held', lot.ends_at - now, now
    append(made, {'held', lot.remaining})
  end
end
