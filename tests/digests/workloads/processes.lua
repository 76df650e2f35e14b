-- SPDX-License-Identifier: MIT
workload "More address spaces than a processor has tags for."
guest(function(cpu)
  for _ = 1, 60 do
    cpu:switch(cpu:process(), "flush")
    local heap = cpu:map { bytes = "16KiB" }
    cpu:stride { region = heap, stride = 4096, count = 4, op = "store" }
  end
end)
