-- SPDX-License-Identifier: MIT
workload "INVPCID of every type."
guest(function(cpu)
  local heap = cpu:map { bytes = "64KiB" }
  for kind = 0, 3 do
    cpu:stride { region = heap, stride = 4096, count = 16, op = "store" }
    cpu:invpcid { type = kind, pcid = 0, address = heap }
  end
end)
