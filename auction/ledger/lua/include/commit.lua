-- commit: appends events to the shard's stream and stores the lot; the only writes of lot, stream and deadlines.
-- include: number lot
local TEXT_FIELDS = {'status', 'leader', 'chain'}
local NUMBER_FIELDS = {'epoch', 'seq', 'price', 'paddle', 'ceiling', 'bids', 'opens_at', 'ends_at', 'hard_stop',
  'remaining', 'stopped_at', 'review', 'last_at'}

-- Fails on a key of the wrong type, before the first write (Redis does not roll back).
local function check_types(keys)
  redis.call('ZSCORE', keys.due, '')
  redis.call('XLEN', keys.ledger)
  if keys.purse then
    redis.call('HLEN', keys.purse)
  end
end

-- Moves this lot's exposure from the previous leader to the present one; removes it once the lot is over.
local function move_exposure(lot, keys)
  if not lot.terms.purse then
    return
  end
  local over = lot.status == 'closed' or lot.status == 'void'
  local ceiling = over and 0 or lot.ceiling
  if lot.was_leader ~= '' then
    redis.call('HINCRBY', keys.purse, 'exposure:' .. lot.was_leader, text(-lot.was_ceiling))
  end
  if lot.leader ~= '' then
    redis.call('HINCRBY', keys.purse, 'exposure:' .. lot.leader, text(ceiling))
  end
  lot.was_leader, lot.was_ceiling = lot.leader, ceiling
end

-- Writes the lot's hash and its deadline.
local function store(lot, keys)
  local row = {}
  for _, field in ipairs(TEXT_FIELDS) do
    row[#row + 1], row[#row + 2] = field, lot[field]
  end
  for _, field in ipairs(NUMBER_FIELDS) do
    row[#row + 1], row[#row + 2] = field, text(lot[field])
  end
  redis.call('HSET', lot.key, unpack(row))
  if lot.status == 'scheduled' then
    redis.call('ZADD', keys.due, text(lot.opens_at), lot.id)
  elseif lot.status == 'open' then
    redis.call('ZADD', keys.due, text(lot.ends_at), lot.id)
  else
    redis.call('ZREM', keys.due, lot.id)
  end
end

local function commit(lot, events, now, keys)
  local first, packed = lot.seq + 1, cmsgpack.pack(events)
  lot.seq, lot.last_at = lot.seq + #events, now
  local epoch, seq, at = text(lot.epoch), text(first), text(now)
  lot.chain = redis.sha1hex(table.concat({lot.chain, lot.id, epoch, seq, at, packed}, '\n'))
  redis.call('XADD', keys.ledger, '*', 'lot', lot.id, 'epoch', epoch, 'seq', seq, 'at', at, 'ev', packed,
    'chain', lot.chain)
  store(lot, keys)
  move_exposure(lot, keys)
end
