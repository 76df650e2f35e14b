-- SPDX-License-Identifier: MIT
-- VirtualBox: hosted. Its module in the host's kernel (VMMR0) handles what it can in ring 0; for the rest it
-- leaves the run loop, the ioctl returns to the process of the machine (ring 3), and the loop is entered again.
local guess = "; no count of VirtualBox's is at hand"
local program = {
  path_in = {
    { "leave", call = "stub.leave" },
    { "fixed", as = "kvm.path_in.fixed" },
    { "exit", run = 520, code = 1792, data = 512, source = "order of HMR0's code behind an exit: the host's MSRs and FPU state, interrupts on, the guest's time, statistics" .. guess, grade = "assumed" },
    { "reason", state = { "reason", "vectoring" } },
    { "log", action = "read_log" },
    { "import", run = 180, code = 768, data = 384, source = "order of the import of what a handler needs of the guest's state from the VMCS into the machine's structure" .. guess, grade = "assumed" },
    { "dispatch", run = 60, code = 256, data = 64, source = "order of the table of exit handlers by reason" .. guess, grade = "assumed" },
  },
  path_out = {
    { "status", run = 140, code = 512, data = 128, source = "order of the handler's status: stay in ring 0, or return to ring 3" .. guess, grade = "assumed" },
    { "nmi", call = "inject_nmi", when = "nmi" },
    { "inject", call = "inject", when = "inject" },
    { "more", call = "open_window", when = "more" },
    { "forced", run = 360, code = 1280, data = 384, source = "order of the look at forced actions: timers, interrupts of the APIC, requests" .. guess, grade = "assumed" },
    { "export", run = 420, code = 1536, data = 512, source = "order of the export of what has changed into the VMCS, interrupts off" .. guess, grade = "assumed" },
    { "enter", call = "stub.enter" },
  },
  user_space = {
    { "exit", action = "user_exit" },
    { "leave_loop", run = 700, code = 2560, data = 768, source = "order of the way out of HMR0's run loop: all of the guest's state imported, the VMCS cleared from the processor, preemption on" .. guess, grade = "assumed" },
    { "leave_ioctl", as = "kvm.user_space.leave_ioctl" },
    { "process", call = "user_space.process" },
    { "enter_ioctl", as = "kvm.user_space.enter_ioctl" },
    { "enter_loop", run = 800, code = 3072, data = 768, source = "order of the way into the run loop: the VMCS current again, the host's state saved, all of the guest's exported" .. guess, grade = "assumed" },
  },
  ["user_space.process"] = {
    at = "user",
    { "status", run = 260, code = 1536, data = 384, source = "order of the execution manager (EM) that looks at the status of ring 0" .. guess, grade = "assumed" },
    { "emulate", run = 600, code = 4096, data = 768, source = "order of the pending port or memory access carried out by IOM: the range looked up, the device's lock" .. guess, grade = "assumed" },
    { "device", as = "qemu.user_space.process.device" },
    { "forced", run = 400, code = 2560, data = 512, source = "order of ring 3's own forced actions before the next ioctl" .. guess, grade = "assumed" },
  },
}

return {
  programs = { kvm = { why = "no count of VirtualBox's is at hand; what a trap asks for is the same", "*" }, qemu = { why = "a register of a device model is as long as QEMU's" } },
  text = "VirtualBox: hosted, a module of the kernel and a process",
  calibrated = "1X061",
  program = program,
  hypervisor = { halt_poll_ns = { 0, "order of a halt in ring 3, which blocks", "assumed" } },
  paging = { mode = { "ept", "VirtualBox uses nested paging where the processor has it", "assumed" } },
}
