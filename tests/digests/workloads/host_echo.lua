-- SPDX-License-Identifier: MIT
workload "Guests ask the host by its own function of the adapter (nic.physical)."
defaults { ["nic.traffic.interval_ns"] = 0, ["worker.threads"] = 1 }
local count = param { name = "count", default = 24, unit = "frames", text = "frames of each guest" }
for _ = 1, 2 do
  guest(function(cpu)
    local got = 0
    for i = 1, count do
      cpu:transmit { to = 130, bytes = 200 * (i % 17) + 60 }
      got = got + cpu:recv { count = 1, timeout_ns = 500000 }
    end
    if got > 0 and got < count then error("an answer was lost", 0) end
  end)
end
