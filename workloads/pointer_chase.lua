-- SPDX-License-Identifier: MIT
workload "Pointer chase: each load's address comes from the load before it, over one random cycle through all nodes. Latency of caches, TLBs and walks, nothing overlaps."

param { name = "footprint", default = "64MiB", min = "4KiB", unit = "bytes", text = "bytes the cycle runs through" }
param { name = "node", default = 64, min = 8, max = "1MiB", unit = "bytes", text = "distance of neighbouring nodes; 4096 touches one line a page" }
param { name = "count", default = 1000000, min = 1, unit = "accesses", text = "loads that are measured; does not depend on the footprint" }
param { name = "warmup", default = 1000000, unit = "accesses", text = "loads before the region of interest, one lap at most" }
param { name = "work", default = 0, max = 1000000, unit = "instructions", text = "instructions between two loads" }

guest(function(cpu, p)
  local heap = cpu:map { bytes = p.footprint }
  local lap = math.max(1, p.footprint // p.node)
  cpu:chase { region = heap, stride = math.min(p.node, p.footprint), count = math.min(lap, p.warmup) }
  cpu:mark("roi")
  cpu:chase { region = heap, stride = math.min(p.node, p.footprint), count = p.count, work = p.work }
end)
