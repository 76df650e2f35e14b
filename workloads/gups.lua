-- SPDX-License-Identifier: MIT
workload "Random updates: read-modify-write of 8-byte words, uniform or Zipf over the footprint. The worst case for TLBs and walk caches."

param { name = "footprint", default = "1GiB", min = "4KiB", unit = "bytes", text = "bytes the updates are spread over" }
param { name = "count", default = 1000000, min = 1, unit = "accesses", text = "updates that are measured; does not depend on the footprint" }
param { name = "warmup", default = 500000, unit = "accesses", text = "updates before the region of interest" }
param { name = "op", default = "modify", choices = "load|store|modify", text = "what is done to each word" }
param { name = "distribution", default = "uniform", choices = "uniform|zipf", text = "which words: all alike, or few of them often" }
param { name = "theta", default = 990, min = 1, max = 999, unit = "thousandths", text = "exponent of the Zipf distribution over 4 KiB pages" }
param { name = "work", default = 0, max = 1000000, unit = "instructions", text = "instructions between two updates" }

guest(function(cpu, p)
  local heap = cpu:map { bytes = p.footprint }
  local function updates(n)
    if p.distribution == "zipf" then
      cpu:zipf { region = heap, count = n, op = p.op, stride = 4096, theta = p.theta / 1000, work = p.work }
    else
      cpu:random { region = heap, count = n, op = p.op, work = p.work }
    end
  end
  updates(p.warmup)
  cpu:mark("roi")
  updates(p.count)
end)
