-- SPDX-License-Identifier: MIT
workload "A machine that is made, runs for a moment and is over, as a function in a micro-VM: with vmcs.created_in_time the time before its first instruction is the operation vm.create, with vmcs.destroyed_in_time that behind its last one vm.destroy."

param { name = "work", default = 100000, min = 0, max = 1000000000, unit = "instructions", text = "what the guest does" }
param { name = "touch", default = "256KiB", text = "memory that it writes for the first time" }

guest(function(cpu, p)
  local region = cpu:map { bytes = p.touch, backing = "host_touch" }
  cpu:stride { region = region, stride = 4096, op = "store" }
  cpu:compute(p.work)
end)
