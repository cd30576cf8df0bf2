-- flood: wrk's requests of one kind, from so many addresses as a proxy tells them.
local method, path, token, addresses, number = "GET", "/", nil, 1, 0

function init(args)
  method, path, token, addresses = args[1], args[2], args[3], tonumber(args[4])
end

function request()
  number = number + 1
  local host = number % addresses
  local headers = {["X-Forwarded-For"] = "198.18." .. math.floor(host / 250) .. "." .. host % 250 + 1}
  local body = nil
  if token ~= "" then
    headers["Authorization"] = "Bearer " .. token
  end
  if method == "POST" then
    headers["Content-Type"] = "application/json"
    headers["Idempotency-Key"] = "flood-" .. number
    body = '{"amount_fen":100}'
  end
  return wrk.format(method, path, headers, body)
end
