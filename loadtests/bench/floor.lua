-- floor: reads, packs and writes as much as place_bids for a batch of accepted bids, and decides nothing: the baseline of
-- the ledger's benchmark. Takes the same KEYS and ARGV, with a state hash of its own.
local bids = cmsgpack.unpack(ARGV[2])
local names, fields, events, stored, answers = {}, {}, {}, {}, {}
for i = 1, #bids do
  names[i], fields[i] = bids[i][1], bids[i][3] .. ' ' .. bids[i][1]
end
local lot = redis.call('HMGET', KEYS[1], 'terms', 'status', 'epoch', 'seq', 'price', 'leader', 'paddle', 'ceiling', 'bids',
  'opens_at', 'ends_at', 'hard_stop', 'remaining', 'stopped_at', 'review', 'last_at', 'chain')
local time = redis.call('TIME')
redis.call('GET', KEYS[7])
redis.call('HMGET', KEYS[8], 'seen_at', 'limit', 'from', 'to', 'until')
redis.call('HMGET', KEYS[2], unpack(names))
redis.call('HMGET', KEYS[3], unpack(fields))
local seq, now = tonumber(lot[4] or 0), time[1] * 1000 + math.floor(time[2] / 1000)
for i = 1, #bids do
  local bidder, amount = bids[i][1], bids[i][2]
  events[i] = {'bid', bidder, 1, amount, bids[i][3], amount, 1, now}
  local receipt = {seq + i, amount, amount, amount + 100, 1, 1, now, now}
  stored[2 * i - 1], stored[2 * i] = fields[i], cmsgpack.pack(receipt)
  answers[i] = {'accepted', unpack(receipt)}
end
local last, packed = bids[#bids], cmsgpack.pack(events)
local number, at = string.format('%.0f', seq + #bids), string.format('%.0f', now)
local price = string.format('%.0f', last[2])
local chain = redis.sha1hex(table.concat({lot[17] or '', ARGV[1], '1', number, at, packed}, '\n'))
redis.call('XADD', KEYS[6], '*', 'lot', ARGV[1], 'epoch', '1', 'seq', number, 'at', at, 'ev', packed, 'chain', chain)
redis.call('HSET', KEYS[1], 'status', 'open', 'leader', last[1], 'chain', chain, 'epoch', '1', 'seq', number, 'price', price,
  'paddle', '1', 'ceiling', price, 'bids', number, 'opens_at', at, 'ends_at', at, 'hard_stop', '0', 'remaining', '0',
  'stopped_at', '0', 'review', '0', 'last_at', at)
redis.call('ZADD', KEYS[5], at, ARGV[1])
redis.call('HSET', KEYS[3], unpack(stored))
return cmsgpack.pack({now, 1, answers, seq + #bids, chain})
