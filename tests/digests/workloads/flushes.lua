-- SPDX-License-Identifier: MIT
workload "CPUID of two leaves, and writes of CR4: PGE clear, the same again, PGE set."
guest(function(cpu)
  local heap = cpu:map { bytes = "64KiB" }
  cpu:cpuid(0)
  cpu:cpuid(1)
  for _, cr4 in ipairs { 0x670, 0x670, 0x6f0 } do
    cpu:stride { region = heap, stride = 4096, count = 16, op = "store" }
    cpu:write_cr(4, cr4)
  end
end)
