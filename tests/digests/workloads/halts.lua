-- SPDX-License-Identifier: MIT
workload "Short halts, which make the host poll longer, and long ones, which make it poll less."
guest(function(cpu)
  for _ = 1, 8 do
    for _ = 1, 5 do cpu:wait { us = 15 } end
    cpu:wait { us = 700 }
    for _ = 1, 3 do cpu:wait { us = 15 } end
  end
end)
