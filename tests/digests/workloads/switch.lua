-- SPDX-License-Identifier: MIT
workload "Functions send to each other, and under each other's names."
defaults { ["nic.traffic.interval_ns"] = 0 }
guest(function(cpu)
  cpu:recv { count = 1, timeout_ns = 100000 }
  for i = 1, 24 do
    cpu:transmit { to = i % 3 == 0 and 128 or i % 4, bytes = 200 * i, from = i % 5 == 0 and 2 or 128, vlan = i % 7 == 0 and 9 or 0 }
    cpu:wait { us = 20 }
  end
end)
for _ = 1, 2 do
  guest(function(cpu)
    while cpu:recv { count = 1, timeout_ns = 300000 } > 0 do end
  end)
end
