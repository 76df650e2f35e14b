-- SPDX-License-Identifier: MIT
workload "A guest that waits for its timer, again and again: it halts until the deadline, or computes. With hypervisor.nesting=1 the program runs in a guest's guest, L2: the hypervisor in the guest, L1, halts when its guest does, and the interrupt of its own timer ends both."

param { name = "count", default = 200, min = 1, max = 10000000, unit = "waits", text = "waits that are measured" }
param { name = "warmup", default = 20, max = 10000000, unit = "waits", text = "waits before the region of interest" }
param { name = "us", default = 40, min = 1, max = 1000000, unit = "us", text = "from a deadline's write to the deadline" }
param { name = "busy", default = 0, max = 100000000, unit = "instructions", text = "0: it halts; else it computes so many behind the deadline's write, and the interrupt comes while it does" }
param { name = "masked", default = 0, max = 1, unit = "0|1", text = "of a busy one: it masks interrupts meanwhile, so that its hypervisor needs a window" }

local function wait(cpu, p)
  if p.busy == 0 then
    cpu:wait { us = p.us }
    return
  end
  cpu:timer { us = p.us }
  if p.masked == 1 then cpu:cli() end
  cpu:compute(p.busy)
  if p.masked == 1 then
    cpu:sti()
    cpu:compute(10)
  end
end

guest(function(cpu, p)
  for _ = 1, p.warmup do wait(cpu, p) end
  cpu:mark("roi")
  for _ = 1, p.count do wait(cpu, p) end
end)
