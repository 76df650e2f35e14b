-- SPDX-License-Identifier: MIT
-- Non-maskable interrupts that a vCPU sends itself: each comes, whether interrupts are masked or not.
guest(function(cpu)
  for i = 1, 4 do
    if i == 3 then cpu:cli() end -- RFLAGS.IF masks none
    cpu:wrmsr(0x830, 0x400 | cpu:index() << 32)
    cpu:compute(20000)
    if cpu:interrupts() ~= i then error("the NMI did not come: " .. i) end
  end
end)
