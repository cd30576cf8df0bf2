-- bids: wrk's requests: rising bids on one lot by bidders in turn, each under a new key; counts answers by status.
-- A fourth argument is how many bids of the start price come before each rising one, a fifth how many steps the first is
-- above it.
local tokens, lot, number, run, low, above = {}, nil, 0, nil, 0, 0

function init(args)
  lot, run = args[1], args[2]
  for line in io.lines(args[3]) do
    tokens[#tokens + 1] = "Bearer " .. line
  end
  low, above = tonumber(args[4] or 0), tonumber(args[5] or 0)
end

function request()
  number = number + 1
  local headers = {
    ["Authorization"] = tokens[number % #tokens + 1],
    ["Content-Type"] = "application/json",
    ["Idempotency-Key"] = run .. "-" .. number,
  }
  local steps = number % (low + 1) == 0 and number / (low + 1) or 1
  return wrk.format("POST", "/api/v1/lots/" .. lot .. "/bids", headers, '{"amount_fen":' .. (above + steps) * 100 .. "}")
end

statuses = {}
function response(status)
  statuses[status] = (statuses[status] or 0) + 1
end

local threads = {}
function setup(thread)
  threads[#threads + 1] = thread
end

function done(summary, latency)
  local total = {}
  for _, thread in ipairs(threads) do
    for status, count in pairs(thread:get("statuses")) do
      total[status] = (total[status] or 0) + count
    end
  end
  local parts = {}
  for status, count in pairs(total) do
    parts[#parts + 1] = string.format('"%d":%d', status, count)
  end
  io.write(string.format('\nRESULT {"requests":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,"errors":%d,"statuses":{%s}}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    table.concat(parts, ",")))
end
