-- commit: appends events to the shard's stream and stores the lot; the only writes of lot, stream and deadlines.
-- include: number lot purse
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

-- Moves this lot's share from the previous leader to the present one. A winner's stays once the lot is over, until the
-- database says that their award has ended (set_share).
local function move_share(lot, keys)
  if not lot.terms.purse then
    return
  end
  local amount = lot.ceiling
  if lot.status == 'closed' then
    amount = lot.price >= lot.terms.reserve and lot.price or 0
  elseif lot.status == 'void' then
    amount = 0
  end
  if lot.was_leader == lot.leader and lot.was_secured == amount then
    return
  end
  if lot.was_leader ~= '' and lot.was_leader ~= lot.leader then
    secure(lot, keys, lot.was_leader, 0)
  end
  if lot.leader ~= '' then
    secure(lot, keys, lot.leader, amount)
  end
  lot.was_leader, lot.was_ceiling, lot.was_secured = lot.leader, lot.ceiling, amount
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
  move_share(lot, keys)
end
