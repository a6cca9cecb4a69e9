/**
 * Runs once when a state is set up, with functions of the host as arguments: what the original's libraries have beyond C's
 * Lua, and refusals in place of what leads out of a script.
 */
export const prelude = `
local format, upper, lower, date, parts, now, seconds = ...
local string, math = string, math -- scripts may set the globals to something else

local function refuse(name)
  return function() error(name .. " is not available: scripts run in a sandbox", 2) end
end

local function refuseOthers(library, name)
  return setmetatable(library, { __index = function(_, key) return refuse(name .. "." .. tostring(key)) end })
end

string.format = format
local upper0, lower0 = string.upper, string.lower
function string.upper(s) if string.find(s, "[\\128-\\255]") then return upper(s) end return upper0(s) end
function string.lower(s) if string.find(s, "[\\128-\\255]") then return lower(s) end return lower0(s) end
string.dump = refuse("string.dump")
dofile, loadfile, print = refuse("dofile"), refuse("loadfile"), function() end

math.huge = 1.7976931348623157e308

-- Without a dot only whole numbers are read: not 1e3, not inf.
local tonumber0 = tonumber
local function whole(text, base)
  local sign, digits = text:match("^([+-]?)(%w+)$")
  local value = digits and tonumber0(digits, base)
  if not value or value >= 2^63 or base == 10 and not digits:find("^%d+$") then return nil end
  return sign == "-" and -value or value
end
function tonumber(...)
  local value, base = ...
  if select("#", ...) == 0 then error("bad argument #1 to 'tonumber' (value expected)", 2) end
  if type(value) ~= "string" then return type(value) == "number" and value or nil end
  local text = value:match("^[ \\n\\t]*(.-)[ \\n\\t]*$")
  if text:find(".", 1, true) then return tonumber0(text) end
  if base == nil and text:find("^0[xX]") then return whole(text:sub(3), 16) end
  return whole(text, base or 10)
end

-- Compiled chunks are not checked by Lua: only text is let in.
local loadstring0, concat, type, error = loadstring, table.concat, type, error
function loadstring(text, name)
  if type(text) == "number" then text = tostring(text) end
  if type(text) ~= "string" then error("loadstring takes a string, not " .. type(text), 2) end
  if text:byte() == 27 then return nil, "compiled chunks are not taken" end
  return loadstring0(text, name)
end
function load(read, name)
  local pieces = {}
  while true do
    local piece = read()
    if piece == nil or piece == "" then break end
    if type(piece) ~= "string" then return nil, "reader function must return a string" end
    pieces[#pieces + 1] = piece
  end
  return loadstring(concat(pieces), name or "=(load)")
end

local function field(t, name, default)
  local value = tonumber(t[name])
  return value and (value < 0 and math.ceil(value) or math.floor(value)) or default
end

os = refuseOthers({
  clock = function() return 0 end,
  date = function(layout, time)
    layout = layout == nil and "%c" or layout
    time = time == nil and now() or time
    local t = layout:gsub("^!+", "")
    if t:sub(1, 2) ~= "*t" then return date(t, time) end
    local year, month, day, hour, min, sec, wday = parts(time)
    return { year = year, month = month, day = day, hour = hour, min = min, sec = sec, wday = wday, yday = 0, isdst = false }
  end,
  difftime = function(a, b) return a - b end,
  time = function(t)
    if t == nil then return now() end
    return seconds(field(t, "year", -1), field(t, "month", -1), field(t, "day", -1),
      field(t, "hour", 12), field(t, "min", 0), field(t, "sec", 0))
  end,
}, "os")
io, debug = refuseOthers({}, "io"), refuseOthers({}, "debug")

local loaded = { _G = _G, string = string, table = table, math = math, coroutine = coroutine, os = os }
package = refuseOthers({ loaded = loaded, preload = {}, path = "", cpath = "" }, "package")
function require(name)
  local module = loaded[name]
  if module == nil then error("module '" .. tostring(name) .. "' is not available: scripts run in a sandbox", 2) end
  return module
end
`;
