-- SPDX-License-Identifier: MIT
workload "Buffers that a driver maps for its device and unmaps again, as for each packet. dma.mode says how; several processors share the invalidation queue."

metrics { "op:dma.map", "op:dma.unmap", "op:dma.flush", "op:iommu.invalidate", "counter:dma.flushes" }

local cores = param { name = "cores", default = 1, min = 1, max = 64, unit = "processors", text = "that map and unmap, each for a function of its own" }
param { name = "buffers", default = 2000, min = 1, unit = "buffers", text = "that each maps and unmaps" }
param { name = "live", default = 32, min = 1, max = 4096, unit = "buffers", text = "mapped at one time, as by a ring" }
param { name = "bytes", default = 2048, min = 1, max = 2097152, unit = "bytes", text = "of a buffer" }
param { name = "work", default = 1000, unit = "instructions", text = "of the driver and its stack between two" }
param { name = "warmup", default = 300, unit = "buffers", text = "before the region of interest" }

local function maps(cpu, p)
  local heap = cpu:map { bytes = p.live * p.bytes, backing = "populate" }
  local mapped, slot = {}, 0
  local function some(n)
    for _ = 1, n do
      local at = heap:address() + slot * p.bytes
      if mapped[slot] then cpu:dma_unmap(at) end
      cpu:dma_map(at, p.bytes)
      mapped[slot] = true
      slot = (slot + 1) % p.live
      cpu:compute(p.work)
    end
  end
  some(p.warmup)
  cpu:mark("roi")
  some(p.buffers)
end

for i = 0, cores - 1 do
  guest { vcpu = i, run = maps }
end
