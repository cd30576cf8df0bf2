-- maxima: what the leader's maximum makes of a bid, in direct lots whose terms take maxima.
-- Mirrors auction/domain/bidding.py::_contend, ::defend and ::_set_maximum.
-- include: acceptance refusal
local function minimum_after(lot, price)
  local before = lot.price
  lot.price = price
  local minimum = minimum_of(lot)
  lot.price = before
  return minimum
end

-- The highest bid that is acceptable now and not above `most`; 0: none is.
local function highest_acceptable(lot, most)
  local terms, top = lot.terms, most
  if terms.jump then
    top = math.min(most, highest_jump(lot))
  end
  if terms.grid and is_off_grid(lot, top) then
    top = top - (top - terms.start) % step_at(terms, math.max(lot.price, terms.start))
  end
  return top > lot.price and top >= minimum_of(lot) and top or 0
end

-- How far the leader's maximum bids at present: their limit, where it was lowered since, holds too.
local function standing_maximum(lot, bidders_key)
  if lot.ceiling > lot.price and lot.limit_of ~= lot.leader then
    local row = redis.call('HGET', bidders_key, lot.leader)
    local limit = row and cmsgpack.unpack(row)[2] or -1
    lot.limit_of, lot.leader_limit = lot.leader, limit >= 0 and limit or math.huge
  end
  return lot.ceiling > lot.price and math.min(lot.ceiling, lot.leader_limit) or 0
end

-- The leader's maximum bids, because of a bid of that paddle.
local function bid_for_leader(lot, now, made, paddle, price)
  local key = table.concat({'maximum', text(lot.seq + made.count + 1), text(paddle)}, ' ')
  make_bid(lot, now, made, lot.leader, lot.paddle, lot.ceiling, key, price, true)
end

local function set_maximum(lot, now, made, who, bid)
  lot.ceiling = math.max(bid[2], lot.price)
  append(made, {'maximum', bid[1], who.paddle, bid[2], bid[3], lot.price, 1, lot.ends_at})
  return {lot.seq + made.count, bid[2], lot.price, minimum_of(lot), 1, who.paddle, lot.ends_at, now}
end

-- Lets an acceptable bid meet the leader's maximum. Returns its receipt; or nil, a code and its fact.
local function contend(lot, now, made, who, bid, bidders_key)
  local bidder, amount, maximum = bid[1], bid[2], bid[4]
  if maximum and bidder == lot.leader then
    return set_maximum(lot, now, made, who, bid)
  end
  local standing = bidder ~= lot.leader and standing_maximum(lot, bidders_key) or 0
  local defence, offered, answer = highest_acceptable(lot, standing), amount, 0
  if maximum then
    offered = defence > 0 and highest_acceptable(lot, amount) or minimum_of(lot)
  end
  if defence > 0 then
    local counter, after = minimum_after(lot, offered), minimum_after(lot, defence)
    if offered < counter and counter <= standing then
      answer = counter
    elseif defence >= offered or (maximum and standing < after and after <= amount) then
      bid_for_leader(lot, now, made, who.paddle, defence)
      follow_price(lot, now, made)
      local code, fact = refusal(lot, now, who, bidder, amount, maximum)
      if code then
        return nil, code, fact
      end
      offered = after
    end
  end
  local receipt = make_bid(lot, now, made, bidder, who.paddle, amount, bid[3], offered, answer == 0)
  if answer > 0 then
    bid_for_leader(lot, now, made, who.paddle, answer)
  end
  receipt[4] = minimum_of(lot)
  follow_price(lot, now, made)
  return receipt
end
