-- SPDX-License-Identifier: MIT
-- Hyper-V: a small hypervisor on the hardware itself. It answers CPUID, MSRs and its own hypercalls; an access to a
-- device becomes an intercept message to the root partition, where the virtual processor is a thread: the kernel
-- there takes the message (Linux: drivers/hv/mshv_root_main.c, mshv_run_vp_with_root_scheduler), the process of the
-- machine emulates, sets registers by a hypercall and dispatches the processor again. Every length is assumed.
local guess = "Hyper-V's source is not published; order of "
local program = {
  path_in = {
    { "leave", call = "stub.leave" },
    { "fixed", as = "kvm.path_in.fixed" },
    { "exit", run = 190, code = 768, data = 320, source = guess .. "the hypervisor's code behind an exit", grade = "assumed" },
    { "reason", state = { "reason", "vectoring" } },
    { "log", action = "read_log" },
    { "dispatch", run = 40, code = 192, data = 64, source = guess .. "a jump by reason", grade = "assumed" },
  },
  path_out = {
    { "events", run = 220, code = 896, data = 320, source = guess .. "a look at timers, synthetic interrupts and the scheduler", grade = "assumed" },
    { "nmi", call = "inject_nmi", when = "nmi" },
    { "inject", call = "inject", when = "inject" },
    { "more", call = "open_window", when = "more" },
    { "enter", call = "stub.enter" },
  },
  host_interrupt = { { "handle", call = "interrupt.handle" } },
  hypercall_of_root = {
    { "exit", cycles = 700, source = "order of the hardware's part of an exit of the root partition, in and out: 1X061 has 516 cycles, and its state is moved beside", grade = "assumed" },
    { "call", run = 260, code = 1024, data = 320, source = guess .. "the table of hypercalls, the partition and the virtual processor looked up", grade = "assumed" },
  },
  user_space = {
    { "exit", action = "user_exit" },
    { "message", run = 320, code = 1280, data = 384, source = guess .. "the intercept message: reason, instruction bytes, registers; the virtual processor suspended", grade = "assumed" },
    { "switch", cycles = 1200, source = guess .. "the root's virtual processor on this processor: VMCS, segments, FPU, CR3", grade = "assumed" },
    { "root", run = 600, code = 2304, data = 512, source = "reading of Linux drivers/hv/mshv_root_main.c, mshv_run_vp_with_root_scheduler, behind its hypercall: the state of the dispatch, the message copied to user space", grade = "assumed" },
    { "leave_ioctl", as = "kvm.user_space.leave_ioctl" },
    { "process", call = "user_space.process" },
    { "enter_ioctl", as = "kvm.user_space.enter_ioctl" },
    { "registers", call = "hypercall_of_root" },
    { "dispatch_path", run = 350, code = 1280, data = 320, source = "reading of Linux drivers/hv/mshv_root_main.c, mshv_chk_process_host_events and mshv_vp_dispatch: signals, pending interrupts, the input of HVCALL_DISPATCH_VP", grade = "assumed" },
    { "dispatch", call = "hypercall_of_root" },
    { "switch_back", cycles = 1200, source = guess .. "the guest's virtual processor again", grade = "assumed" },
  },
  ["user_space.process"] = {
    at = "user",
    { "message", run = 200, code = 1024, data = 256, source = guess .. "the worker process that sorts the message", grade = "assumed" },
    { "emulate", run = 900, code = 5120, data = 768, source = guess .. "the instruction decoded and carried out by the worker process", grade = "assumed" },
    { "device", as = "qemu.user_space.process.device" },
  },
}

return {
  programs = { kvm = { why = "Hyper-V's source is not published; what a trap asks for is the same", "*" }, qemu = { why = "a register of a device model is as long as QEMU's" } },
  text = "Hyper-V: devices in a process of the root partition",
  calibrated = "1X061",
  program = program,
  hypervisor = { halt_poll_ns = { 0, "no poll is published", "assumed" } },
  paging = { mode = { "ept", "Hyper-V needs a second dimension (SLAT)", "documented" } },
  vmcs = { control = {
    virtual_interrupt_delivery = { true, "Hyper-V uses APICv where the processor has it", "assumed" },
    apic_register_virtualization = { true, "Hyper-V uses APICv where the processor has it", "assumed" },
    virtualize_x2apic = { true, "Hyper-V uses APICv where the processor has it", "assumed" },
    posted_interrupts = { true, "Hyper-V uses APICv where the processor has it", "assumed" },
  } },
}
