-- SPDX-License-Identifier: MIT
workload "One vCPU takes write permission from pages, drops its own translations and has three others drop theirs by interrupts, waiting for their acknowledgements, as kernels do. The others work on memory of their own or are idle."

param { name = "count", default = 200, min = 1, max = 1000000, unit = "shootdowns", text = "shootdowns that are measured" }
param { name = "warmup", default = 10, unit = "shootdowns", text = "shootdowns before the region of interest" }
param { name = "pages", default = 4, min = 1, max = 512, unit = "pages", text = "4 KiB pages of one shootdown" }
param { name = "targets", default = "busy", choices = "busy|idle", text = "what the other vCPUs do: load from their memory, or HLT" }
param { name = "footprint", default = "1MiB", min = "4KiB", unit = "bytes", text = "memory a busy target loads from" }
param { name = "chunk", default = 100, min = 1, max = 100000, unit = "accesses", text = "loads of a busy target between two looks at its mailbox" }

local others = 3
local round, over = 0, false -- the mailbox: how many shootdowns were asked for
local acknowledged = { 0, 0, 0 }

local function everyone_has()
  for i = 1, others do
    if acknowledged[i] < round then return false end
  end
  return true
end

-- Every vCPU has the process's pages in tables of its own: sharing them is not modelled.
local function own_pages(cpu, p)
  local pages = cpu:map { bytes = p.pages * 4096, page = "4K" }
  for i = 0, p.pages - 1 do cpu:store(pages, i * 4096) end
  return pages
end

guest(function(cpu, p)
  local pages = own_pages(cpu, p)
  for i = 1, p.warmup + p.count do
    if i == p.warmup + 1 then cpu:mark("roi") end
    cpu:protect(pages, p.pages * 4096, i % 2 == 1 and "r" or "rw")
    round = i
    for other = 1, others do cpu:ipi(other, 0xfd) end
    while not everyone_has() do cpu:pause() end
    cpu:load(pages)
  end
  over = true
  for other = 1, others do cpu:ipi(other, 0xfd) end
end)

for i = 1, others do
  guest(function(cpu, p)
    local pages = own_pages(cpu, p)
    local heap = cpu:map { bytes = p.footprint }
    while not over do
      if acknowledged[i] < round then
        for k = 0, p.pages - 1 do cpu:invlpg(pages, k * 4096) end
        acknowledged[i] = acknowledged[i] + 1
        for k = 0, p.pages - 1 do cpu:load(pages, k * 4096) end
      elseif p.targets == "idle" then
        cpu:hlt()
      else
        cpu:random { region = heap, count = p.chunk }
      end
    end
  end)
end
