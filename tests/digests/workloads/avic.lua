-- SPDX-License-Identifier: MIT
-- With AVIC: registers that it carries out, that it does not, and IPIs that it cannot deliver.
workload "APIC registers under AVIC"
param { name = "count", default = 4, min = 1, max = 10000, text = "rounds" }
guest(function(cpu, p)
  for _ = 1, p.count do
    cpu:wrmsr(0x808, 0x10)            -- TPR
    cpu:rdmsr(0x830)                  -- ICR
    cpu:wrmsr(0x83e, 0xb)             -- the divider: done, and the hypervisor follows
    cpu:rdmsr(0x839)                  -- the timer's count, which nobody virtualizes
    cpu:wrmsr(0x830, "0x2800000041")  -- to processor 40, which there is not
    cpu:wrmsr(0x830, 0x5)             -- a vector that no APIC takes
  end
end)
