-- SPDX-License-Identifier: MIT
-- QEMU as the user space of a hypervisor: from an exit that its kernel part does not handle, back to the next
-- KVM_RUN. No hypervisor by itself: KVM's files and Xen's take these programs.
local program = {
  ["user_space.process"] = {
    at = "user",
    { "ioctl_return", run = 120, code = 1024, data = 256, source = "reading of QEMU's kvm_cpu_exec: the exit reason of the shared page", grade = "assumed" },
    { "lock", run = 80, code = 512, data = 128, source = "reading of QEMU's bql_lock, and its unlock before KVM_RUN", grade = "assumed" },
    { "dispatch", run = 700, code = 4608, data = 1024, source = "reading of QEMU's address_space_rw: flat view, section, access size", grade = "assumed" },
    { "device", run = 900, code = 5888, data = 1536, source = "a device model's register access", grade = "assumed" },
    { "ioctl", run = 140, code = 1024, data = 256, source = "reading of QEMU's kvm_arch_pre_run and kvm_vcpu_ioctl", grade = "assumed" },
  },
}

return { text = "QEMU, the user space of a hypervisor", program = program }
