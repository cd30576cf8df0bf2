-- number: converts amounts and times to and from exact text; Lua's own conversion keeps only 14 digits.
local function text(n)
  return string.format('%.0f', n + 0) -- adding 0 turns -0, which Redis does not read as a number, into 0
end

local function number(s, name)
  local n = tonumber(s)
  if not n or n ~= math.floor(n) or n < -1 or n > 9007199254740991 then
    error(name .. ' must be a whole number of at most 2^53, got ' .. tostring(s))
  end
  return n
end
