-- SPDX-License-Identifier: MIT
-- Instructions of x86 that a hypervisor may take, a host's NMI, and the end by a triple fault.
workload "instructions that a hypervisor may take"
guest(function(cpu)
  cpu:wrmsr(0xda0, 0x100)
  for _, name in ipairs { "ud2", "invd", "wbinvd", "rdpmc", "rdtscp", "mwait", "monitor", "rdrand", "rdseed", "sgdt", "ltr", "mov_to_dr", "mov_from_dr", "clts",
    "xsetbv", "vmclear", "vmlaunch", "vmptrld", "vmptrst", "vmread", "vmresume", "vmwrite", "vmxoff", "vmxon", "invept", "invvpid" } do
    cpu:instruction(name, 7)
  end
  for _, name in ipairs { "xsaves", "xrstors" } do cpu:instruction(name, 0x100) end
  cpu:instruction("vmfunc", 0) cpu:instruction("vmfunc", 1 << 32)
  cpu:instruction("split_lock")
  cpu:host_nmi()
  cpu:instruction("triple_fault")
end)
