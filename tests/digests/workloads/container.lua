-- SPDX-License-Identifier: MIT
workload "Two functions of one machine are assigned at once: one maps the memory of both, and the other waits for it."
guest(function(cpu)
  cpu:compute(1000)
  cpu:send { bytes = 64 }
end)
guest(function(cpu)
  cpu:compute(900000)
  cpu:send { bytes = 64 }
end)
