-- SPDX-License-Identifier: MIT
workload "INVLPGA, which AMD's guests do not execute themselves."
guest(function(cpu)
  local heap = cpu:map { bytes = "64KiB" }
  cpu:store(heap)
  cpu:invlpga { address = heap, asid = 1 }
end)
