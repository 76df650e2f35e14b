-- SPDX-License-Identifier: MIT
-- A guest of a guest touches sixteen pages that nobody has mapped, then computes while ticks come.
guest(function(cpu)
  local r = cpu:map { bytes = "64KiB", backing = "host_touch", page = "base" }
  cpu:mark("roi")
  cpu:stride { region = r, stride = 4096, op = "store" }
  cpu:compute(300000000)
end)
