-- SPDX-License-Identifier: MIT
workload "Instructions that show or change what is the processor's, and are no privilege; the interrupt flag."
guest(function(cpu)
  for _, name in ipairs { "sgdt", "sidt", "sldt", "str", "smsw", "popf", "pushf" } do cpu:instruction(name) end
  cpu:cpuid(1)
  cpu:rdtsc()
  cpu:cli()
  cpu:sti()
  cpu:compute(1)
end)
