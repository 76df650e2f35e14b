-- SPDX-License-Identifier: MIT
-- Interrupts that wait behind STI while the next instruction leaves the guest.
workload "instructions behind STI that are emulated"
guest(function(cpu)
  for i = 1, 20 do
    cpu:cli() cpu:ipi(0, 0x40) cpu:compute(20000) cpu:sti()
    if i % 4 == 0 then cpu:mmio(0xfed00000, "load") elseif i % 4 == 1 then cpu:outp(0x80, 1) else cpu:cpuid() end
    cpu:cli() cpu:compute(20) cpu:sti() cpu:ipi(0, 0x41) cpu:compute(5000)
  end
end)
