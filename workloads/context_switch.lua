-- SPDX-License-Identifier: MIT
workload "Two threads or two processes take turns on one processor: the kernel's path of a switch, the new address space, and what the one that comes finds evicted. With kind=none one of them works alone: the difference of the run times, by the switches, is what a switch takes. Virtual machines take turns in overcommit.lua."

metrics { "op:timeline.total", "op:walk.n", "counter:cpu.instructions@guest" }

param { name = "kind", default = "process", choices = "none|thread|process", text = "what takes turns: nobody, two threads of one address space, two address spaces" }
param { name = "switches", default = 2000, min = 2, max = 100000000, unit = "switches", text = "switches that are measured; without any, as much work" }
param { name = "footprint", default = "32KiB", min = 64, max = "1GiB", unit = "bytes", text = "memory that each reads at its turn, one 64-byte line after the other" }
param { name = "path", default = 860, max = 1000000, unit = "instructions", text = "kernel's path of a switch: __schedule to finish_task_switch, as the steps schedule, space, stack and finish of KVM's vcpu_switch; assumed" }
param { name = "think", default = 2000, max = 1000000000, unit = "instructions", text = "what each computes at its turn" }
param { name = "warmup", default = 100, min = 2, unit = "turns", text = "turns before the region of interest" }

guest(function(cpu, p)
  local memory, space = { cpu:map { bytes = p.footprint } }, { 0, 0 }
  if p.kind == "process" then
    space[2] = cpu:process()
    cpu:switch(space[2])
  end
  memory[2] = cpu:map { bytes = p.footprint }
  if p.kind == "process" then cpu:switch(space[1]) end
  local who = 1
  local function turns(n)
    for _ = 1, n do
      if p.kind ~= "none" then
        who = 3 - who
        cpu:compute(p.path)
        if p.kind == "process" then cpu:switch(space[who]) end
      end
      cpu:stride { region = memory[who], stride = 64, count = math.max(1, p.footprint // 64) }
      cpu:compute(p.think)
    end
  end
  turns(p.warmup)
  cpu:mark("roi")
  turns(p.switches)
end)
