-- SPDX-License-Identifier: MIT
workload "A machine that is made, runs for a moment and is over, as a function in a micro-VM: with vmcs.created_in_time the time before its first instruction is the operation vm.create, with vmcs.destroyed_in_time that behind its last one vm.destroy. With packets it has a device, and with dma.assigned_in_time that is given to it (vm.assign) and taken back (vm.unassign)."

param { name = "work", default = 100000, min = 0, max = 1000000000, unit = "instructions", text = "what the guest does" }
param { name = "touch", default = "256KiB", text = "memory that it writes for the first time" }
param { name = "packets", default = 0, min = 0, max = 1000000, unit = "packets", text = "that it sends; 0: it has no device" }

guest(function(cpu, p)
  local region = cpu:map { bytes = p.touch, backing = "host_touch" }
  cpu:stride { region = region, stride = 4096, op = "store" }
  cpu:compute(p.work)
  for _ = 1, p.packets do cpu:send { bytes = 64 } end
end)
