-- SPDX-License-Identifier: MIT
workload "Code that is fetched instruction by instruction: a loop, calls of routines in other pages, branches to many targets, routines that are overwritten before each call, two address spaces that take turns. What a processor's caches of code make of it, and what a translator has to look up and to translate."

metrics { "op:timeline.total", "counter:cpu.instructions@guest", "op:walk.n" }

param { name = "kind", default = "calls", choices = "loop|calls|targets|rewrite|switch", text = "a routine that branches back to its start; routines of a page each, one after the other; routines of one page, in an order by chance; a routine that is written before it is called; calls in two address spaces by turns" }
param { name = "routines", default = 16, min = 1, max = 4096, unit = "routines", text = "how many there are; of targets and rewrite as many as a page holds" }
param { name = "instructions", default = 24, min = 1, max = 500, unit = "instructions", text = "of a routine, 4 bytes each" }
param { name = "count", default = 2000, min = 1, max = 100000000, unit = "calls", text = "calls of a routine that are measured" }
param { name = "warmup", default = 200, unit = "calls", text = "calls before the region of interest" }

guest(function(cpu, p)
  local page, bytes = 4096, p.instructions * 4 + 4 -- the last one's 4 are read, too
  local far = p.kind == "calls" or p.kind == "switch" -- a page each
  local room = (bytes + 63) // 64 * 64
  local n = p.kind == "loop" and 1 or far and p.routines or math.max(1, math.min(p.routines, page // room))
  local function code() return cpu:map { bytes = far and n * page or page, page = "4K" } end
  local region, space = { code() }, { 0, 0 }
  if p.kind == "switch" then
    space[2] = cpu:process()
    cpu:switch(space[2])
    region[2] = code()
    cpu:switch(space[1])
  end
  local who, turn, state = 1, 0, 1
  local function chance(most)
    state = (state * 1103515245 + 12345) % 2147483648
    return state // 65536 % most
  end
  local function call()
    local routine = p.kind == "targets" and chance(n) or turn % n
    local offset = routine * (far and page or room)
    turn = turn + 1
    if p.kind == "rewrite" then cpu:store(region[who], offset, 8) end
    cpu:stride { region = region[who], offset = offset, bytes = bytes, stride = 4, count = p.instructions, op = "fetch" }
    if p.kind == "switch" and turn % n == 0 then
      who = 3 - who
      cpu:switch(space[who])
    end
  end
  for _ = 1, p.warmup do call() end
  cpu:mark("roi")
  for _ = 1, p.count do call() end
end)
