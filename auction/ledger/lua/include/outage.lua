-- outage: outages of bidding on a shard, and the pause of a lot whose end one may have taken from its bidders.
-- Mirrors auction/domain/outage.py::BidActivity and ::interrupt_if_due.
-- include: commit
-- When bids could last be decided, what is an outage, and the last one (`from` 0: none); false while nobody says so.
local function read_activity(keys)
  local v = redis.call('HMGET', keys.activity, 'seen_at', 'limit', 'from', 'to', 'until')
  if not v[1] then
    return false
  end
  return {seen_at = tonumber(v[1]), limit = tonumber(v[2]), from = tonumber(v[3]), to = tonumber(v[4]),
    till = tonumber(v[5])}
end

-- The outage that counts at a time, as {from, to, until}; from 0: there was none.
local function outage_at(activity, time)
  if time - activity.seen_at <= activity.limit then
    return activity.from, activity.to, activity.till
  end
  local from, till = activity.seen_at, 2 * time - activity.seen_at
  if activity.from > 0 and activity.till >= from then
    from, till = activity.from, math.max(activity.till, till)
  end
  return from, time, till
end

-- A bid was accepted, or a heartbeat came.
local function note_sign(activity, time, keys)
  if activity and math.abs(time - activity.seen_at) >= 250 then
    local from, to, till = outage_at(activity, time)
    redis.call('HSET', keys.activity, 'seen_at', text(time), 'limit', text(activity.limit), 'from', text(from),
      'to', text(to), 'until', text(till))
  end
end

-- Pauses an open lot whose end fell into an outage or comes soon after it; true where it did.
local function interrupt_if_due(lot, now, keys)
  if lot.status ~= 'open' or not lot.activity then
    return false
  end
  local from, to, till = outage_at(lot.activity, lot.clock)
  local last_sign = math.max(from, lot.last_at)
  if from == 0 or lot.last_at >= to or last_sign >= lot.ends_at or lot.ends_at > till then
    return false
  end
  check_types(keys)
  lot.status, lot.remaining, lot.stopped_at = 'paused', lot.ends_at - last_sign, last_sign
  commit(lot, {{'interrupted', lot.remaining, from, to, till}}, now, keys)
  redis.call('HSET', lot.key, 'pause_cause', 'outage')
  return true
end
