-- SPDX-License-Identifier: MIT
workload "TLBI, and a fetch from a page that the host has not backed."
guest(function(cpu)
  local heap = cpu:map { bytes = "64KiB", backing = "host_touch" }
  cpu:fetch(heap)
  cpu:tlbi("vae1is", { address = heap })
  cpu:tlbi("vmalle1", {})
end)
