-- SPDX-License-Identifier: MIT
workload "Calls every function of the sandbox, and folds all results and messages into marks."

local sum, n = 0, 0
local function fold(...)
  for i = 1, select("#", ...) do
    local s = tostring((select(i, ...)))
    n = n + 1
    for j = 1, #s do sum = (sum * 31 + s:byte(j)) % 1000000007 end
  end
end

-- Every function, by name, with arguments of every kind: results and messages.
local kinds = { 0, 1, 3, -1, 2.5, "3", "abc %s %5.2f", "\xe4\xf6", "<i4", true, {}, { 5, 2, 9 }, type, function(x) return x end,
  setmetatable({}, { __name = "named" }), setmetatable({}, { __tostring = function() return "texted" end }) }
for _, where in ipairs { "_G", "string", "table", "math", "utf8" } do
  local library = where == "_G" and _G or _G[where]
  for name, f in pairs(library) do
    fold(where, name, f)
    if type(f) == "function" and name ~= "guest" and name ~= "param" and name ~= "workload" and name ~= "error" then
      fold(pcall(f))
      for _, a in ipairs(kinds) do
        fold(pcall(f, a))
        for _, b in ipairs { 2, "x", {}, kinds[12] } do fold(pcall(f, a, b)) fold(pcall(f, a, b, 1)) end
      end
    end
  end
end
for name, f in pairs(getmetatable("")) do fold(name, f) if type(f) == "function" then fold(pcall(f, "2", "3"), pcall(f, {}, {})) end end

-- Objects as texts: %s, concatenation, messages, iterators.
for _, v in ipairs(kinds) do
  fold(("%s|%20s|%-8s"):format(v, v, v), pcall(string.format, "%p", v), pcall(string.format, "%d", v), pcall(string.format, "%q", v))
  fold(pcall(function() return v .. "x" end), pcall(function() return v + 1 end), pcall(function() return v < v end))
  fold(pcall(function() return #v end), pcall(function() return v.x.y end), pcall(function() v() end), pcall(error, v))
  fold(ipairs(kinds), (pcall(pairs, v)))
end
fold(utf8.codes("aä"), utf8.codes("a", true), pairs {}, ipairs {})
fold(pcall(pairs, { [{}] = 1, [type] = 2, x = 3 }), pcall(next, { [{}] = 1, [type] = 2, x = 3 }))
fold(("x"):upper(), ("ÄÖÜäöü\xe4"):upper(), ("IİÄ"):lower(), 1.5, tostring(1e15), ("%g %.3f %a"):format(0.1, 1234567.891, 1), tonumber("1.5"), tonumber("1,5"))
fold("a" < "B", "ä" < "z", "\xe4" < "b")
for _ = 1, 100 do fold(math.random(), math.random(1 << 40), math.random(0)) end

-- Equals that are sorted, in lists of many lengths.
for _, length in ipairs { 2, 3, 7, 50, 101, 500, 3000 } do
  for _, key in ipairs { function(i) return i % 3 end, function() return 0 end, function(i) return math.min(i, length - i) // 4 end } do
    local t = {}
    for i = 1, length do t[i] = { key = key(i), id = i } end
    local calls = 0
    table.sort(t, function(x, y) calls = calls + 1 return x.key < y.key end)
    fold(calls)
    for i = 1, length do fold(t[i].id) end
    fold(pcall(table.sort, t, function(x, y) return (x.id * 7919) % 5 <= (y.id * 31) % 5 end))
  end
end

-- Lengths of tables with holes: when a table grows depends on the hashes of its keys.
local functions = {}
for _, library in ipairs { _G, string, table, math, utf8, getmetatable("") } do
  for _, f in pairs(library) do if type(f) == "function" then functions[#functions + 1] = f end end
end
functions[#functions + 1] = ipairs {}
functions[#functions + 1] = utf8.codes("")
for _, key in ipairs { function(i) return "k" .. i end, function() return {} end, function(i) return function() return i end end,
  function(i) return ("long"):rep(20) .. i end, function(i) return i + 0.5 end, function(i) return functions[i % #functions + 1] end } do
  for round = 1, 20 do
    local t, past, x = {}, {}, round
    for i = 1, 300 do
      local k = key(i)
      past[i] = k
      t[k] = i
      if i > 20 then t[past[i - 20]] = nil end
      x = (x * 1103515245 + 12345) % 2147483648
      if i % 7 == 0 then t[x // 65536 % 40 + 1] = i end
      if i % 11 == 0 then t[x // 65536 % 40 + 1] = nil end
      fold(#t)
    end
  end
end

-- What the collector has taken from weak tables, and how much memory there is.
local values, keys = setmetatable({}, { __mode = "v" }), setmetatable({}, { __mode = "k" })
for i = 1, 20000 do
  values[i] = { i }
  keys[{}] = i
  if i % 1000 == 0 then
    local there = 0
    for j = 1, i do if values[j] then there = there + 1 end end
    fold(there)
  end
end
local held, ok = {}, true
while ok do
  ok = pcall(function() held[#held + 1] = ("x"):rep(1 << 20) .. #held end)
end
fold(#held)
held = nil

param { name = "extra", default = 0, text = "instructions besides" }
guest(function(cpu, p)
  local heap = cpu:map { bytes = 4096 }
  for name, f in pairs { cpu = cpu, region = heap, load = cpu.load, bytes = heap.bytes, p = p, mine = function() end } do
    fold(name, f, pcall(function() return f .. "" end))
  end
  fold(pcall(cpu.map, cpu, { bytez = 1, pagez = 2, az = 3, zz = 4 }), pcall(cpu.nosuch), pcall(cpu.load, {}))
  fold(pcall(table.sort, { 2, 1 }, function() cpu:compute(1) end))
  cpu:compute(1000 + sum % 1000)
  cpu:mark("sum" .. sum)
  cpu:mark("folded" .. n)
end)
