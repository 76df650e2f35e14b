-- SPDX-License-Identifier: MIT
-- Two vCPUs whose kernels work on one address space: faults, unmaps with their shootdowns, interrupts to each other.
workload "paths of guests' kernels that leave for their hypervisor"
local r, own
local function work(cpu)
  if not r then r = cpu:map { bytes = 100 * 4096, page = "base", backing = "touch" } end
  for i = 0, 99 do
    cpu:store(r, i * 4096) cpu:compute(300)
    if i % 10 == 9 then cpu:unmap(r, 4096 * 4, i // 10 * 4 * 4096) end
    if i % 7 == 0 then cpu:ipi(1) cpu:ipi(0) end
    if i % 20 == 3 then cpu:compute(40000) cpu:wait { us = 5 } end
  end
end
guest(work)
guest { vcpu = 1, shares = 0, run = work }
