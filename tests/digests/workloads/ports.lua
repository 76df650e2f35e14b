-- SPDX-License-Identifier: MIT
workload "Two vCPUs whose exits are long, for a processor that they share: accesses to a port that a process emulates, on Arm reads of an identification register."

local function work(cpu)
  cpu:mark("roi")
  for _ = 1, 200 do
    if cpu:has("mrs") then cpu:mrs("ID_AA64MMFR0_EL1") else cpu:outp(0x80, 1) end
    cpu:compute(2000)
  end
end
guest(work)
guest(work)
