-- SPDX-License-Identifier: MIT
-- Instructions of SVM that a guest executes: its global interrupt flag holds what comes.
workload "a guest's global interrupt flag"
guest(function(cpu)
  for _ = 1, 3 do
    cpu:instruction("clgi")
    cpu:ipi(0)
    cpu:compute(20000)
    cpu:instruction("stgi")
    cpu:compute(20000)
  end
  cpu:instruction("vmload")
  cpu:instruction("vmsave")
end)
