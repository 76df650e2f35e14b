-- SPDX-License-Identifier: MIT
workload "Two vCPUs that may share one processor (--set host.cpus=1): each reads its own memory, computes, and may halt for a while. What one does in the other's time is steal; what it finds evicted, it reads again."

metrics { "op:steal.total", "op:steal.n", "op:thread.switch.n", "counter:steal.time", "counter:sched.preempted" }

param { name = "footprint", default = 1048576, min = 4096, max = 1073741824, unit = "bytes", text = "memory that each vCPU reads, one 64-byte line after the other" }
param { name = "rounds", default = 40, min = 1, max = 1000000, unit = "rounds", text = "how often each vCPU reads it" }
param { name = "think", default = 200000, max = 100000000, unit = "instructions", text = "what it computes after each round" }
param { name = "sleep", default = 0, max = 1000000, unit = "us", text = "how long it halts after each round; 0 = not at all" }

local function work(cpu, p)
  local memory = cpu:map { bytes = p.footprint }
  cpu:stride { region = memory, stride = 64 }
  for _ = 1, p.rounds do
    cpu:stride { region = memory, stride = 64 }
    if p.think > 0 then cpu:compute(p.think) end
    if p.sleep > 0 then cpu:wait { us = p.sleep } end
  end
end

guest(work)
guest(work)
