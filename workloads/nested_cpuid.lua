-- SPDX-License-Identifier: MIT
workload "CPUID in a loop, as kvm-unit-tests' vmexit measures it. With hypervisor.nesting=1 the program runs in a guest's guest, L2, and each CPUID is handed to the hypervisor in the guest, L1; without, it is a guest, and the same exit is L1's own."

param { name = "count", default = 500, min = 1, max = 10000000, unit = "instructions", text = "CPUIDs that are measured" }
param { name = "warmup", default = 50, unit = "instructions", text = "CPUIDs before the region of interest" }
param { name = "work", default = 0, max = 1000000000, unit = "instructions", text = "instructions of the program's own before each: how rare its exits are" }
param { name = "leaf", default = 0, unit = "number", text = "CPUID leaf" }

guest(function(cpu, p)
  for _ = 1, p.warmup do cpu:cpuid(p.leaf) end
  cpu:mark("roi")
  for _ = 1, p.count do
    if p.work > 0 then cpu:compute(p.work) end
    cpu:cpuid(p.leaf)
  end
end)
