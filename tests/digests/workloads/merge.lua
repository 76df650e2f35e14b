-- SPDX-License-Identifier: MIT
workload "Interrupts of one vector while another vCPU has interrupts masked."
guest { vcpu = 0, run = function(cpu)
  for _ = 1, 20 do
    cpu:ipi(1)
    cpu:ipi(1)
    cpu:compute(2000)
  end
end }
guest { vcpu = 1, run = function(cpu)
  for _ = 1, 10 do
    cpu:cli()
    cpu:compute(20000)
    cpu:sti()
    cpu:compute(2000)
  end
end }
