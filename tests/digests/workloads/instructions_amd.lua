-- SPDX-License-Identifier: MIT
-- Instructions that SVM has intercepts for.
workload "intercepted instructions"
guest(function(cpu)
  for _, name in ipairs { "rdpmc", "rdtscp", "invd", "wbinvd", "monitor", "mwait", "xsetbv", "ud2", "vmread", "vmrun", "vmload", "vmsave", "stgi", "clgi", "skinit",
    "rdpru", "sidt", "sgdt", "sldt", "str", "lidt", "lgdt", "lldt", "ltr" } do
    cpu:instruction(name)
  end
  cpu:instruction("mov_from_cr", 4)
  cpu:write_cr(4)
  cpu:instruction("mov_from_dr", 6)
  cpu:instruction("wbinvd") -- until the next exit the guest has the debug registers
  cpu:instruction("mov_to_dr", 7)
  cpu:host_nmi()
  cpu:instruction("triple_fault")
end)
