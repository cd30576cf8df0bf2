-- refusal: checks a bid in the order of the rules. Mirrors auction/domain/bidding.py::_refusal.
-- include: lot purse
local function highest_jump(lot)
  local terms, jump = lot.terms, lot.terms.jump
  local base = math.max(lot.price, terms.start)
  -- percent of base in two parts, so that no product passes 2^53
  local percent = math.floor(base / 100) * jump.percent + math.floor((base % 100) * jump.percent / 100)
  local above = math.max(jump.fen, jump.steps * step_at(terms, base), percent)
  return math.max(base + above, minimum_of(lot))
end

local function is_off_grid(lot, amount)
  local terms = lot.terms
  if amount == highest_of(terms) then
    return false
  end
  return (amount - terms.start) % step_at(terms, math.max(lot.price, terms.start)) ~= 0
end

-- Whether the leader may bid that: a higher maximum, or in direct bidding the cap, which ends the lot.
local function may_bid_on(lot, amount)
  if lot.terms.proxy then
    return amount > lot.ceiling
  end
  return lot.terms.cap > 0 and amount == lot.terms.cap
end

-- What a bidder may bid by their deposit. `who` is {paddle, limit, power, others}; limit -1: none.
local function power_refusal(lot, who, amount)
  if who.limit >= 0 and amount > who.limit then
    return 'over-limit', who.limit
  end
  if lot.terms.purse then
    local available = highest_bid(who.power.held - who.others, who.power)
    if amount > available then
      return 'over-purse', available
    end
  end
end

-- At the most that a bid may be the floor is not above the price: that alone takes no second bid.
local function is_too_low(lot, amount)
  return amount < floor_of(lot) or lot.price >= FEN_MAX
end

-- The same for a maximum in direct bidding; 0 withdraws it. The jump limit holds for what it bids alone.
local function maximum_refusal(lot, who, leads, amount)
  local terms = lot.terms
  if not terms.auto then
    return 'maxima-off'
  elseif amount == 0 then
    return not (leads and lot.ceiling > lot.price) and 'no-maximum' or nil
  elseif terms.cap > 0 and amount > terms.cap then
    return 'above-cap', terms.cap
  elseif leads and amount < lot.price then
    return 'maximum-too-low', lot.price
  elseif not leads and is_too_low(lot, amount) then
    return 'bid-too-low', minimum_of(lot)
  elseif terms.grid and is_off_grid(lot, amount) and amount ~= lot.price then
    return 'off-grid', minimum_of(lot)
  end
  return power_refusal(lot, who, amount)
end

-- Returns a code and its fact, or nothing.
local function refusal(lot, now, who, bidder, amount, maximum)
  local terms = lot.terms
  if lot.status ~= 'open' or now >= lot.ends_at then
    return 'lot-not-open', lot.status
  end
  if maximum then
    return maximum_refusal(lot, who, bidder == lot.leader, amount)
  end
  if terms.cap > 0 and amount > terms.cap then
    return 'above-cap', terms.cap
  end
  local leads = bidder == lot.leader
  if leads and not may_bid_on(lot, amount) then
    return 'already-leading'
  end
  if not leads and is_too_low(lot, amount) then
    return 'bid-too-low', minimum_of(lot)
  end
  if terms.grid and is_off_grid(lot, amount) then
    return 'off-grid', minimum_of(lot)
  end
  if terms.jump then
    local highest = highest_jump(lot)
    if amount > highest then
      return 'jump-too-large', highest
    end
  end
  return power_refusal(lot, who, amount)
end
