-- SPDX-License-Identifier: MIT
-- Two vCPUs that leave their guests in all the ways in which a preemptible host may stop them in the middle.
workload "exits whose handlers lose their processor"
local r
local function work(cpu)
  if not r then r = cpu:map { bytes = 200 * 4096, page = "base", backing = "host_touch" } end
  for i = 0, 199 do
    cpu:store(r, i * 4096) cpu:compute(300)
    if i % 4 == 0 then cpu:mmio(0xfed00000, "load") cpu:hypercall(0) end
    if i % 4 == 1 and cpu:has("rdmsr") then cpu:rdmsr(0x1b) cpu:wrmsr(0x3b, i) cpu:instruction("wbinvd") end
    if i % 20 == 3 then cpu:compute(40000) cpu:wait { us = 5 } end
  end
end
guest(work)
guest { vcpu = 1, shares = 0, run = work }
