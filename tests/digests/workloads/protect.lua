-- SPDX-License-Identifier: MIT
workload "The host takes rights away from a guest's large pages; the guest splits one of its own."
guest(function(cpu)
  local heap = cpu:map { bytes = "8MiB", backing = "touch" }
  cpu:stride { region = heap, stride = 4096, count = 2048, op = "store" }
  cpu:protect(heap, 8192, "r")
  cpu:host_protect(heap, 8192, "r")
  cpu:host_protect(heap, nil, "r")
  cpu:stride { region = heap, offset = 16384, stride = 4096, count = 100, op = "store" }
end)
