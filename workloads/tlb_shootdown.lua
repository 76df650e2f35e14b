-- SPDX-License-Identifier: MIT
workload "Four vCPUs in one address space. One takes write permission from pages and gives it back; the others have translations of them, which they lose as guest.shootdown says: by interrupts, by a hypercall, by broadcast (Arm). They work on memory of their own or are idle."

param { name = "count", default = 200, min = 1, max = 1000000, unit = "shootdowns", text = "shootdowns that are measured" }
param { name = "warmup", default = 10, unit = "shootdowns", text = "shootdowns before the region of interest" }
param { name = "pages", default = 4, min = 1, max = 512, unit = "pages", text = "pages of one shootdown, the machine's smallest" }
param { name = "targets", default = "busy", choices = "busy|idle", text = "what the other vCPUs do: load from the pages and their own memory, or HLT" }
param { name = "footprint", default = "1MiB", min = "4KiB", unit = "bytes", text = "memory a busy target loads from" }
param { name = "chunk", default = 100, min = 1, max = 100000, unit = "accesses", text = "loads of a busy target between two rounds over the pages" }

local others = 3
local pages          -- what all of them share
local ready, over = 0, false

local function touch(cpu, p)
  for k = 0, p.pages - 1 do cpu:load(pages, k * cpu:page_bytes()) end
end

guest(function(cpu, p)
  local region = cpu:map { bytes = p.pages * cpu:page_bytes(), page = "base" }
  for k = 0, p.pages - 1 do cpu:store(region, k * cpu:page_bytes()) end
  pages = region
  while ready < others do cpu:compute(1000) end
  for i = 1, p.warmup + p.count do
    if i == p.warmup + 1 then cpu:mark("roi") end
    cpu:protect(pages, p.pages * cpu:page_bytes(), i % 2 == 1 and "r" or "rw")
    cpu:load(pages)
    cpu:compute(20000)
  end
  over = true
  for other = 1, others do cpu:ipi(other) end
end)

for i = 1, others do
  guest { vcpu = i, shares = 0, run = function(cpu, p)
    local heap = cpu:map { bytes = p.footprint }
    while not pages do cpu:compute(1000) end
    touch(cpu, p)
    ready = ready + 1
    while not over do
      if p.targets == "idle" then
        cpu:hlt()
      else
        cpu:random { region = heap, count = p.chunk }
        touch(cpu, p)
      end
    end
  end }
end
