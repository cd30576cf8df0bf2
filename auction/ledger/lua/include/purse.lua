-- purse: what a purse secures: each lot that its bidder leads, or has an award of, takes its share of what is held.
-- include: number share
-- A bidder's purse on a lot and what is held behind it, from its packed row. Sales from before there was one have one
-- purse for all lots, held as it is: there a lot's share is its price.
local function power_of(row, sale_purse)
  if row then
    local power = cmsgpack.unpack(row)
    return {purse = power[1], held = power[2]}
  end
  local purse = tonumber(sale_purse or 0)
  return {purse = purse, held = purse}
end

local function power_field(lot, bidder)
  return 'power:' .. lot.id .. ' ' .. bidder
end

local function shares_from(packed)
  return packed and cmsgpack.unpack(packed) or {}
end

-- Sets a lot's share of what a bidder has held; 0: none.
local function put_share(keys, lot_id, bidder, share)
  local shares = shares_from(redis.call('HGET', keys.purse, 'shares:' .. bidder))
  shares[lot_id] = share > 0 and share or nil
  if next(shares) then
    redis.call('HSET', keys.purse, 'shares:' .. bidder, cmsgpack.pack(shares))
  else
    redis.call('HDEL', keys.purse, 'shares:' .. bidder)
  end
end

-- Whether a bidder leads a lot since before lots had shares: then `exposure` has it by its price, with others.
local function is_led_before(lot, bidder, shares, exposure)
  return exposure and bidder == lot.was_leader and not shares[lot.id]
end

-- What a bidder can bid with on a lot: their purse, what is held behind it, and what other lots take of that.
local function purse_of(lot, keys, bidder)
  local v = redis.call('HMGET', keys.purse, power_field(lot, bidder), 'purse:' .. bidder, 'shares:' .. bidder,
    'exposure:' .. bidder)
  local power, shares, others = power_of(v[1], v[2]), shares_from(v[3]), 0
  for lot_id, share in pairs(shares) do
    others = lot_id == lot.id and others or others + share
  end
  if v[4] then
    local led = tonumber(v[4]) - (is_led_before(lot, bidder, shares, v[4]) and lot.was_ceiling or 0)
    others = others + share_of(math.max(0, led), power)
  end
  return power, others
end

-- Lets a lot take its share, at an amount, of what a bidder has held.
local function secure(lot, keys, bidder, amount)
  local v = redis.call('HMGET', keys.purse, power_field(lot, bidder), 'purse:' .. bidder, 'shares:' .. bidder,
    'exposure:' .. bidder)
  if is_led_before(lot, bidder, shares_from(v[3]), v[4]) then
    redis.call('HINCRBY', keys.purse, 'exposure:' .. bidder, text(-lot.was_ceiling))
    lot.was_ceiling = 0
  end
  put_share(keys, lot.id, bidder, share_of(amount, power_of(v[1], v[2])))
end
