-- SPDX-License-Identifier: MIT
workload "Sequential kernels over three arrays, as STREAM has them: copy, scale, add, triad. Each page is walked to once and each line is missed once, whatever the paging."

param { name = "footprint", default = "96MiB", min = "12KiB", unit = "bytes", text = "bytes of the three arrays together" }
param { name = "kernel", default = "triad", choices = "copy|scale|add|triad", text = "a=b, a=q*b, a=b+c, a=b+q*c" }
param { name = "element", default = 8, min = 1, max = 4096, unit = "bytes", text = "bytes from one element to the next" }
param { name = "count", default = 1000000, min = 1, unit = "elements", text = "elements that are measured; the arrays are run through again when they are shorter" }
param { name = "block", default = "4KiB", min = 64, unit = "bytes", text = "bytes of one array before the next array's turn" }

local sources = { copy = 1, scale = 1, add = 2, triad = 2 }
local arithmetic = { copy = 0, scale = 1, add = 1, triad = 2 }

guest(function(cpu, p)
  local array = p.footprint // 3
  local a, b, c = cpu:map { bytes = array }, cpu:map { bytes = array }, cpu:map { bytes = array }
  local block = math.max(p.element, math.min(p.block, array) // p.element * p.element)
  local blocks = math.max(1, array // block)
  local each = block // p.element
  local at = 0
  local function run(elements)
    while elements > 0 do
      local n = math.min(each, elements)
      local where = { region = b, offset = at * block, bytes = block, stride = p.element, count = n }
      cpu:stride(where)
      if sources[p.kernel] == 2 then
        where.region = c
        cpu:stride(where)
      end
      where.region, where.op, where.work = a, "store", arithmetic[p.kernel]
      cpu:stride(where)
      elements = elements - n
      at = (at + 1) % blocks
    end
  end
  run(math.min(each * blocks, p.count // 4))
  cpu:mark("roi")
  run(p.count)
end)
