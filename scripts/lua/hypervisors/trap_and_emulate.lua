-- SPDX-License-Identifier: MIT
-- A classical monitor: the guest's kernel runs outside of ring 0, its privileged instructions fault, and the monitor
-- fetches, decodes and emulates them. What Xen does for the privileged instructions of a PV guest that no hypercall
-- replaces is this path, and its source the one that was read: arch/x86/x86_64/entry.S, arch/x86/traps.c,
-- arch/x86/pv/emul-priv-op.c, arch/x86/x86_emulate. Lengths are readings: assumed.
local function exit(t)
  local all = { { "path_in", call = "path_in" } }
  local function add(step) all[#all + 1] = step end
  if t.read then add { "read", state = t.read } end
  for _, step in ipairs(t) do add(step) end
  add { "work", action = "work" }
  if t.user then
    add { "user_space", call = "user_space", when = "user", taken = true,
          source = "a device that the monitor does not emulate itself", grade = "assumed" }
  end
  if t.write then add { "write", state = t.write } end
  add { "path_out", call = "path_out" }
  if t.wait then add { "wait", wait = t.wait } end
  return all
end

local context = "pc flags code_segment"

local program = {
  path_in = {
    { "entry", run = 60, code = 256, data = 64, source = "reading of entry.S, handle_exception: behind the saved registers, is the fault the guest's, which handler", grade = "assumed" },
    { "reason", state = { "reason" } },
    { "dispatch", run = 110, code = 512, data = 192, source = "reading of do_general_protection up to pv_emulate_privileged_op: error code, mode of the guest, no handler of its own", grade = "assumed" },
  },
  path_out = {
    { "inject", call = "inject", when = "inject" },
    { "more", call = "open_window", when = "more" },
    { "events", run = 70, code = 256, data = 128, source = "reading of entry.S, test_all_events and restore_all_guest: softirqs, NMIs, pending events of the guest", grade = "assumed" },
  },
  -- pv_emulate_privileged_op without the instruction's own part
  decode = {
    { "segment", run = 140, code = 768, data = 192, source = "reading of pv_emul_read_descriptor and pv_emulate_privileged_op: the guest's code segment, its limit, I/O or not", grade = "assumed" },
    { "fetch", run = 90, code = 512, data = 64, source = "reading of priv_op_insn_fetch: up to fifteen bytes copied from the guest, whose pages are mapped", grade = "assumed" },
    { "decode", run = 320, code = 3072, data = 384, source = "reading of x86_decode: prefixes, opcode, operands of a two-byte instruction", grade = "assumed" },
  },
  retire = {
    { "retire", run = 120, code = 512, data = 128, source = "reading of x86_emulate's end and pv_emulate_privileged_op's: registers written back, single-step, RIP", grade = "assumed" },
  },
  -- an exception or an interrupt that the guest is to see: pv_inject_event and create_bounce_frame
  inject = {
    { "blocked", state = "interruptibility" },
    { "flags", state = "flags", when = "unblocked" },
    { "bounce", run = 160, code = 768, data = 192, when = "interruptible", source = "reading of pv_inject_event and entry.S, create_bounce_frame: the guest's gate looked up, a frame built on its kernel's stack", grade = "assumed" },
    { "event", state = "entry_intr=vector", when = "interruptible" },
    { "injected", action = "injected", when = "interruptible" },
    { "window", call = "open_window", when = "not interruptible" },
  },
  open_window = { { "window", action = "window" } },
  emulate = {
    { "emulated", action = "emulated" },
    { "read", state = context },
    { "decode", call = "decode" },
    { "access", run = 240, code = 1536, data = 256, source = "order of Xen's hvmemul_do_io without a request to another domain: the device found, its register", grade = "assumed" },
    { "retire", call = "retire" },
    { "write", state = "pc=next" },
    { "user_space", call = "user_space", when = "user", taken = true, source = "a device that the monitor does not emulate itself", grade = "assumed" },
  },
  user_space = {
    { "exit", action = "user_exit" },
    { "leave", cycles = 300, source = "as hypervisor.user_space.leave_ioctl of KVM: to the process that emulates devices", grade = "assumed" },
    { "process", call = "user_space.process" },
    { "enter", cycles = 300, source = "the way back", grade = "assumed" },
  },
  ["user_space.process"] = {
    at = "user",
    { "dispatch", run = 500, code = 3072, data = 768, source = "order of a device model's dispatch by address, as QEMU's", grade = "assumed" },
    { "device", as = "qemu.user_space.process.device" },
  },
  back_for_shadow = {
    { "page", run = 600, code = 2048, data = 512, source = "order of Xen's populate_physmap for one page: allocated, its owner noted", grade = "assumed" },
    { "back", call = "back" },
  },
  host_interrupt = { { "handle", call = "interrupt.handle" } },
}

-- what a trap needs besides fetch and decode
local function emulated(t)
  local steps = { read = context, write = "pc=next", wait = t.wait, user = t.user, { "decode", call = "decode" } }
  for _, step in ipairs(t) do steps[#steps + 1] = step end
  steps[#steps + 1] = { "retire", call = "retire" }
  return exit(steps)
end

program.cpu_id = emulated { { "emulate", run = 260, code = 1536, data = 512, source = "reading of pv_emulate_invalid_op's and priv_op_cpuid's guest_cpuid: the domain's policy searched, four registers", grade = "assumed" } }
program.timestamp = emulated { { "emulate", run = 90, code = 384, data = 128, source = "reading of pv_soft_rdtsc", grade = "assumed" } }
program.halt = emulated { wait = "event", { "emulate", run = 120, code = 512, data = 192, source = "order of do_sched_op_compat, which a PV guest calls: the vCPU blocks", grade = "assumed" } }
program.invalidate = emulated { { "emulate", run = 130, code = 512, data = 128, source = "reading of priv_op_cache_op and paging_invlpg up to the shadow's own part", grade = "assumed" } }
program.control_register = emulated { { "emulate", run = 150, code = 768, data = 192, source = "reading of read_cr and write_cr up to the shadow's own part", grade = "assumed" } }
program.debug_register = emulated { { "emulate", run = 110, code = 512, data = 128, source = "reading of read_dr and write_dr: set_debugreg", grade = "assumed" } }
program["msr.read"] = emulated { { "emulate", run = 150, code = 1024, data = 256, source = "reading of read_msr: guest_rdmsr, the list of registers", grade = "assumed" } }
program["msr.write"] = emulated { { "emulate", run = 190, code = 1280, data = 256, source = "reading of write_msr: guest_wrmsr, the list of registers", grade = "assumed" } }
program.flags = emulated { { "emulate", run = 20, code = 128, data = 64, source = "reading of emul-priv-op.c, cli and sti: the virtual interrupt flag set, its events looked at", grade = "assumed" } }
program.descriptor_table = emulated { { "emulate", run = 260, code = 1024, data = 384, source = "order of do_set_gdt's and do_set_trap_table's checks: the table copied and shadowed", grade = "assumed" } }
program.counter = emulated { { "emulate", run = 120, code = 512, data = 128, source = "order of read_msr for a counter", grade = "assumed" } }
program.caches = emulated { { "emulate", run = 40, code = 128, data = 64, source = "reading of priv_op_cache_op: a guest without a device's memory has nothing written back", grade = "assumed" } }
program.xsetbv = emulated { { "emulate", run = 130, code = 512, data = 192, source = "reading of write_xcr and handle_xsetbv", grade = "assumed" } }
program.supervisor_state = emulated { { "emulate", run = 60, code = 256, data = 64, source = "order of an instruction that a PV guest does not have: it gets its fault", grade = "assumed" } }
program.pio = emulated {
  user = true,
  { "emulate", run = 260, code = 1280, data = 384, source = "reading of read_io and guest_io_okay: the guest's own bitmap read, guest_io_read", grade = "assumed" },
}
program.hypercall = exit {
  read = context, write = "pc=next",
  { "opcode", run = 90, code = 512, data = 64, source = "reading of do_invalid_op and pv_emulate_invalid_op: the bytes looked at", grade = "assumed" },
  { "handle", run = 160, code = 1024, data = 256, source = "as the handler of KVM's VMCALL", grade = "assumed" },
}
program.monitor = exit {
  read = context, write = "entry_intr=undefined",
  { "opcode", run = 110, code = 512, data = 64, source = "reading of pv_emulate_invalid_op: nothing that it knows", grade = "assumed" },
}
program.undefined = program.monitor
program.exception = exit { read = "intr_info fault_gva " .. context }
program.interrupt = exit {
  { "handle", run = 900, code = 4096, data = 1024, source = "as KVM's: host interrupt entry, handler, accounting and exit of a timer tick", grade = "assumed" },
}
program.interrupt_window = exit {
  read = context,
  { "step", run = 90, code = 384, data = 128, source = "order of do_debug: a single step of the monitor's own, RFLAGS.TF of the guest as it was", grade = "assumed" },
}
program.nmi = exit { { "handle", run = 1200, code = 4608, data = 896, source = "as Xen's do_nmi and nmi_watchdog_tick", grade = "assumed" } }
program.shutdown = exit { { "handle", run = 200, code = 768, data = 192, source = "reading of domain_crash and domain_shutdown", grade = "assumed" } }

return {
  text = "trap and emulate: a guest without privileges under a classical monitor",
  programs = {
    kvm = { why = "how long a monitor without hardware takes for the same is not at hand",
      "block", "wake", "kick", "back", "back_around", "flush_target", "flush_request",
      "shadow_fault", "shadow_write", "shadow_sync", "shadow_walk", "shadow_page", "shadow_entry", "shadow_zap", "shadow_root",
    },
    qemu = {},
  },
  program = program,
  hypervisor = {
    technique = { "trap_and_emulate", "what the file describes", "documented" },
    halt_poll_ns = { 0, "a monitor of its own blocks the vCPU at once, as Xen does", "assumed" },
  },
  paging = { mode = { "shadow", "without hardware the guest's tables cannot be the processor's", "documented" } },
}
