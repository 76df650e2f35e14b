-- SPDX-License-Identifier: MIT
workload "Pointer chase: each load's address comes from the load before it, over one random cycle through all nodes. Latency of caches, TLBs and walks, nothing overlaps."

param { name = "footprint", default = "64MiB", min = 64, unit = "bytes", text = "bytes the cycle runs through" }
param { name = "node", default = 64, min = 8, max = "1MiB", unit = "bytes", text = "distance of neighbouring nodes; 4096 touches one line a page" }
param { name = "count", default = 1000000, min = 1, unit = "accesses", text = "loads that are measured; does not depend on the footprint" }
param { name = "warmup", default = 1000000, unit = "accesses", text = "loads before the region of interest, one lap at most" }
param { name = "work", default = 0, max = 1000000, unit = "instructions", text = "instructions between two loads" }
param { name = "window", default = "0", unit = "bytes", text = "random over this many bytes, then over the next ones; 0 = over the whole footprint" }

guest(function(cpu, p)
  local heap = cpu:map { bytes = p.footprint }
  local node = math.min(p.node, p.footprint)
  local lap = math.max(1, p.footprint // p.node)
  local at, start = 0, 0
  local function chase(count)
    if p.window == 0 or p.window >= p.footprint then
      cpu:chase { region = heap, stride = node, count = count, cycle = 1, start = start, work = p.work }
      start = start + count
      return
    end
    while count > 0 do
      local here = math.min(math.max(p.window, node), p.footprint - at)
      local n = math.min(count, here // node)
      cpu:chase { region = heap, offset = at, bytes = here, stride = node, count = n, work = p.work }
      count = count - n
      at = at + here + node <= p.footprint and at + here or 0
    end
  end
  chase(math.min(lap, p.warmup))
  cpu:mark("roi")
  chase(p.count)
end)
