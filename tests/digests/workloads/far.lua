-- SPDX-License-Identifier: MIT
workload "Pages so far from each other that each has entries of its own in the upper levels of the tables."
param { name = "step", default = "512GiB", unit = "bytes", text = "from one page to the next" }
guest(function(cpu, p)
  local page = {}
  for i = 1, 12 do
    page[i] = cpu:map { bytes = "64KiB", at = i * p.step }
  end
  for round = 0, 39 do
    for i = 1, 12 do
      cpu:load(page[(i * i * (round + 1)) % 12 + 1], (round % 16) * 4096)
    end
  end
end)
