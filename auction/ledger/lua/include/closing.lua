-- closing: closes a lot at its end, and answers a script's caller.
-- Mirrors auction/domain/lot.py::closed_event and ::close_if_due.
-- include: lot commit outage
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

-- Closes an open lot that is past its end, or pauses it for an outage, before anything else happens to it; true where
-- it did either.
local function close_if_due(lot, now, keys)
  lot.activity = read_activity(keys)
  if interrupt_if_due(lot, now, keys) then
    return true
  elseif lot.status ~= 'open' or now < lot.ends_at then
    return false
  end
  check_types(keys)
  commit(lot, {close(lot, now, 'time', '', '')}, now, keys)
  return true
end

-- Whether an action of staff was carried out before under its key, which no bidder's field can equal: it begins with a
-- space.
local function was_done(keys, action_key)
  return action_key ~= '' and redis.call('HEXISTS', keys.accepted, ' ' .. action_key) == 1
end

local function note_done(keys, action_key, lot)
  if action_key ~= '' then
    redis.call('HSET', keys.accepted, ' ' .. action_key, text(lot.seq))
  end
end

local function answer(code, lot, now)
  return cmsgpack.pack({code, lot and snapshot(lot, now) or false, now})
end
