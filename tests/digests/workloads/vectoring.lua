-- SPDX-License-Identifier: MIT
-- An interrupt whose frame goes to a page that the dirty log has write-protected.
workload "a delivery that is interrupted"
guest(function(cpu)
  for i = 1, 6 do
    cpu:ipi(0, 0x60) cpu:compute(20000)
    if i % 2 == 0 then cpu:dirty_log() end
  end
end)
