-- SPDX-License-Identifier: MIT
-- Firecracker: KVM, with a VMM of its own in user space. It has few devices (virtio by MMIO, a serial port, a
-- keyboard controller), each behind a lock of its own; there is no lock of the whole machine as QEMU's.
local program = {
  ["user_space.process"] = {
    at = "user",
    { "ioctl_return", run = 70, code = 768, data = 192, source = "order of Firecracker's vstate/vcpu.rs, run_emulation and handle_kvm_exit, with VcpuFd::run: the exit reason of the shared page sorted into an enumeration, then matched", grade = "assumed" },
    { "lookup", run = 110, code = 768, data = 256, source = "order of vstate/bus.rs, with_device: the map's RwLock taken for reading, the range of a B-tree that holds the address (there are a handful)", grade = "assumed" },
    { "lock", run = 60, code = 256, data = 128, source = "order of vstate/bus.rs, with_device: the device's weak reference upgraded, its Mutex locked and unlocked", grade = "assumed" },
    { "device", run = 320, code = 2048, data = 384, source = "order of a register of the virtio-mmio transport or of the serial port", grade = "assumed" },
    { "metric", run = 200, code = 640, data = 192, source = "order of record_latency_metrics around the device: the monotonic clock read twice by the vDSO, least, most and sum kept, and the counter of the exit", grade = "assumed" },
    { "ioctl", run = 60, code = 384, data = 128, source = "order of the loop of running() around run_emulation: a look at immediate_exit, then KVM_RUN", grade = "assumed" },
  },
}

return {
  programs = "kvm",
  same = { kvm = { why = "the part in the kernel is KVM itself", "hypervisor" } },
  text = "Firecracker: KVM with a minimal VMM in user space",
  calibrated = "1X064",
  program = program,
  paging = { mode = { "ept", "KVM's default where the processor has EPT", "documented" } },
  vmcs = { control = {
    virtual_interrupt_delivery = { true, "KVM: enable_apicv defaults to on", "documented" },
    apic_register_virtualization = { true, "KVM: enable_apicv defaults to on", "documented" },
    virtualize_x2apic = { true, "KVM: used for guests in x2APIC mode", "documented" },
    posted_interrupts = { true, "KVM: enable_apicv defaults to on", "documented" },
  } },
}
