-- SPDX-License-Identifier: MIT
workload "A guest holds interrupts back by its task priority and lets them in again; then it halts behind STI."
guest(function(cpu)
  for _ = 1, 5 do
    cpu:write_cr(8, 15) cpu:ipi(0, 0x40) cpu:compute(20000)
    cpu:write_cr(8, 0) cpu:compute(100)
    cpu:cli() cpu:ipi(0, 0x40) cpu:compute(20000)
    cpu:sti() cpu:hlt() cpu:compute(100)
  end
  cpu:wrmsr(0x83f, 0x50) cpu:compute(20000)
  cpu:wrmsr(0xc0000103, cpu:rdmsr(0xc0000103))
end)
