-- SPDX-License-Identifier: MIT
workload "Code in more large pages than first-level tables of instructions hold: fetches all over it."
guest(function(cpu)
  local code = cpu:map { bytes = 64 << 20 }
  cpu:random { region = code, count = 3000, op = "fetch" }
end)
