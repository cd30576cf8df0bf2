-- pricing: price, leader and end after an accepted bid. Mirrors auction/domain/pricing.py::proxy_price and
-- auction/domain/bidding.py::end_after_bid.
-- include: lot
local function proxy_price(lot, bidder, maximum)
  local terms, ceiling = lot.terms, lot.ceiling
  local price, leads
  if lot.leader == '' then
    price, leads = terms.start, true
  elseif bidder == lot.leader then
    price, leads = lot.price, maximum > ceiling
  elseif maximum > ceiling then
    price, leads = math.min(maximum, ceiling + step_at(terms, ceiling)), true
  else
    price, leads = math.min(ceiling, maximum + step_at(terms, maximum)), false
  end
  price = math.max(price, lot.price)
  if price < terms.reserve and terms.reserve <= math.max(ceiling, maximum) then
    price = terms.reserve
  end
  return price, leads
end

local function end_after_bid(lot, now)
  local terms = lot.terms
  if terms.window == 0 or lot.ends_at - now >= terms.window then
    return lot.ends_at
  end
  local extended = now + terms.extension
  if lot.hard_stop > 0 then
    extended = math.min(extended, lot.hard_stop)
  end
  return math.max(lot.ends_at, extended)
end
