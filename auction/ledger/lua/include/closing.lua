-- closing: the end of a lot. Mirrors auction/domain/lot.py::closing and ::close_due.
-- include: lot commit
local function close(lot, now, cause, reason, by)
  local outcome = 'sold'
  if lot.leader == '' then
    outcome = 'no-bids'
  elseif lot.price < lot.terms.reserve then
    outcome = 'reserve-unmet'
  end
  lot.status, lot.ends_at = 'closed', math.min(lot.ends_at, now)
  return {'closed', outcome, lot.price, lot.leader, lot.paddle, cause, reason, by}
end

-- A lot past its end is closed before anything else happens to it; true where this closed it.
local function close_if_due(lot, now, keys)
  if lot.status ~= 'open' or now < lot.ends_at then
    return false
  end
  check_types(keys)
  commit(lot, {close(lot, now, 'time', '', '')}, now, keys)
  return true
end

local function answer(code, lot, now)
  return cmsgpack.pack({code, lot and snapshot(lot, now) or false, now})
end
