-- share: a lot's share of what is held behind a purse, and the highest bid that a part of it allows.
-- Mirrors auction/domain/deposits.py::share_fen and ::highest_bid_fen.
-- a * b / c: the whole part, and a rest that is 0 where there is none. Exact while they and the result are below 2^53.
local function divided(a, b, c)
  local whole, add = a * math.floor(b / c), b % c
  if add == 0 then
    return whole, 0
  elseif c % add == 0 then
    return whole + math.floor(a / (c / add)), a % (c / add)
  end
  -- the product would pass 2^53: one binary digit of `a` after the other, and never more than c kept
  local part, rest, digit = 0, 0, 1
  while digit * 2 <= a do
    digit = digit * 2
  end
  while digit >= 1 do
    part, rest = part * 2, rest * 2
    if rest >= c then
      part, rest = part + 1, rest - c
    end
    if a >= digit then
      a = a - digit
      if rest >= c - add then
        part, rest = part + 1, rest - (c - add)
      else
        rest = rest + add
      end
    end
    digit = digit / 2
  end
  return whole + part, rest
end

local function share_of(amount, power)
  if power.purse == 0 then
    return 0
  end
  local whole, rest = divided(amount, power.held, power.purse)
  return rest > 0 and whole + 1 or whole
end

local function highest_bid(left, power)
  return power.held > 0 and left > 0 and (divided(left, power.purse, power.held)) or 0
end
