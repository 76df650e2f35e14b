-- SPDX-License-Identifier: MIT
workload "Interrupts one at a time: a vCPU sends them to itself, open to them, masking them or holding them back by its task priority until they have arrived, or its timer fires while it runs."

param { name = "count", default = 500, min = 1, max = 10000000, unit = "interrupts", text = "interrupts that are measured" }
param { name = "warmup", default = 50, unit = "interrupts", text = "interrupts before the region of interest" }
param { name = "how", default = "open", choices = "open|masked|timer|priority", text = "taken as they come; after cli and sti; from the vCPU's timer; after CR8 is lowered (x86)" }
param { name = "work", default = 5000, min = 100, max = 1000000, unit = "instructions", text = "what the program does between two: more than an interrupt needs to arrive" }
param { name = "after_ns", default = 2000, min = 100, max = 1000000, unit = "ns", text = "timer: when it fires" }

local event = {}
function event.open(cpu) cpu:ipi(cpu:index()) end
function event.masked(cpu, p)
  cpu:cli()
  cpu:ipi(cpu:index())
  cpu:compute(p.work)
  cpu:sti()
end
function event.priority(cpu, p)
  cpu:write_cr(8, 15)
  cpu:ipi(cpu:index())
  cpu:compute(p.work)
  cpu:write_cr(8, 0)
end
function event.timer(cpu, p) cpu:timer { ns = p.after_ns } end

guest(function(cpu, p)
  local taken = 0
  for i = 1, p.warmup + p.count do
    if i == p.warmup + 1 then cpu:mark("roi") end
    event[p.how](cpu, p)
    taken = taken + 1
    repeat cpu:compute(p.work) until cpu:interrupts() >= taken
  end
end)
