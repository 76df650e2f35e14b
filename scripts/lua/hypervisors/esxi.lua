-- SPDX-License-Identifier: MIT
-- VMware ESXi: on the hardware itself. A monitor for each vCPU, and the VMkernel below it; devices of the VMkernel
-- are a call away, others are in the VMX process, a user world of the VMkernel. Its source is not published:
-- every length is assumed.
local guess = "VMware's source is not published; order of "
local program = {
  path_in = {
    { "leave", call = "stub.leave" },
    { "fixed", as = "kvm.path_in.fixed" },
    { "exit", run = 150, code = 640, data = 256, source = guess .. "the monitor's code behind an exit", grade = "assumed" },
    { "reason", state = { "reason", "vectoring" } },
    { "log", action = "read_log" },
    { "dispatch", run = 30, code = 128, data = 64, source = guess .. "a jump by reason", grade = "assumed" },
  },
  path_out = {
    { "actions", run = 130, code = 512, data = 192, source = guess .. "a look at the monitor's pending actions", grade = "assumed" },
    { "nmi", call = "inject_nmi", when = "nmi" },
    { "inject", call = "inject", when = "inject" },
    { "more", call = "open_window", when = "more" },
    { "enter", call = "stub.enter" },
  },
  vmkernel_call = {
    { "call", run = 220, code = 768, data = 256, source = guess .. "the monitor's call of the VMkernel, which shares its address space, and back", grade = "assumed" },
  },
  viommu_submit = false, viommu_descriptor = false, viommu_entry = false, viommu_ioctl = false, page_request = false, viommu_fault = false, -- a VMX process knows nothing of VFIO
  host_interrupt = { { "call", call = "vmkernel_call" }, { "handle", call = "interrupt.handle" } },
  user_space = {
    { "exit", action = "user_exit" },
    { "call", call = "vmkernel_call" },
    { "block", run = 800, code = 3072, data = 768, source = guess .. "the VMkernel's scheduler: the vCPU's world waits, the VMX process's comes", grade = "assumed" },
    { "leave", cycles = 300, source = "as a return from a system call of Linux", grade = "assumed" },
    { "process", call = "user_space.process" },
    { "enter", cycles = 300, source = "as a system call of Linux", grade = "assumed" },
    { "schedule", run = 800, code = 3072, like = "block", source = guess .. "the same path back", grade = "assumed" },
  },
  ["user_space.process"] = {
    at = "user",
    { "call", run = 250, code = 1536, data = 384, source = guess .. "the VMX process that finds out what the monitor asks for", grade = "assumed" },
    { "device", as = "qemu.user_space.process.device" },
  },
}

return {
  programs = { kvm = { why = "VMware's source is not published; what a trap asks for is the same", "*" }, qemu = { why = "a register of a device model is as long as QEMU's" } },
  text = "VMware ESXi: a monitor on the VMkernel",
  calibrated = "1X061",
  program = program,
  hypervisor = { halt_poll_ns = { 0, "no poll is published", "assumed" } },
  paging = { mode = { "ept", "the processor's own second dimension", "assumed" } },
}
