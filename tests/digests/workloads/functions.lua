-- SPDX-License-Identifier: MIT
workload "Two vCPUs receive, each from a function of its own."
for _ = 0, 1 do
  guest(function(cpu)
    for _ = 1, 20 do cpu:recv { count = 1 } end
  end)
end
