-- SPDX-License-Identifier: MIT
-- Xen with HVM guests on Intel's processors. What Xen does not emulate itself goes to the device model in Dom0: a
-- request in a page that both share (ioreq), an event to Dom0, the vCPU blocks until the answer's event. Dom0's
-- vCPU is scheduled on the same processor here: its code and data pass through this one's caches.
-- Every length is a reading of Xen, xen/arch/x86/hvm/, or of Linux in Dom0.
local function exit(t)
  local all = { { "path_in", call = "path_in" } }
  local function add(step) all[#all + 1] = step end
  if t.read then add { "read", state = t.read } end
  for _, step in ipairs(t) do add(step) end
  add { "work", action = "work" }
  if t.model then
    add { "device_model", call = "device_model", when = "user", taken = true,
          source = "hvm_io_intercept finds no handler: hvm_send_ioreq", grade = "documented" }
    add { "complete", call = "complete" }
  end
  if t.write then add { "write", state = t.write } end
  add { "path_out", call = "path_out" }
  if t.wait then add { "wait", wait = t.wait } end
  return all
end

local skip = "length pc flags interruptibility" -- update_guest_eip
local emulation = "pc flags sp code_segment cr0 cr3 length interruptibility"

local program = {
  -- vmx/entry.S: vmx_asm_vmexit_handler, and from .Lvmx_do_vmentry to VMRESUME
  stub = {
    { "leave", run = 28, code = 128, data = 192, source = "counted in vmx/entry.S: SAVE_ALL, CR2, the call", grade = "assumed" },
    { "enter", run = 46, code = 192, source = "counted in vmx/entry.S: softirqs looked at, registers popped", grade = "assumed" },
  },
  path_in = {
    { "leave", call = "stub.leave" },
    { "spec_ctrl", call = "spec_ctrl" },
    { "exit", run = 210, code = 768, data = 320, source = "reading of vmx_vmexit_handler up to its switch: RIP, RSP, RFLAGS and CR0 into the frame, trace, RCU, interrupts on", grade = "assumed" },
    { "reason", state = { "pc", "sp", "flags", "reason", "vectoring" } },
    { "log", action = "read_log" },
    { "dispatch", run = 20, code = 128, source = "reading of vmx_vmexit_handler: a switch over the reason", grade = "assumed" },
  },
  path_out = {
    { "again", call = "reinject", when = "vectoring" },
    { "events", run = 260, code = 1024, data = 384, source = "reading of vmx_intr_assist: timers, pending interrupts of the vLAPIC, TPR threshold", grade = "assumed" },
    { "nmi", call = "inject_nmi", when = "nmi" },
    { "inject", call = "inject", when = "inject" },
    { "more", call = "open_window", when = "more" },
    { "helper", run = 90, code = 384, data = 128, source = "reading of vmx_vmenter_helper: ASID, the frame's registers into the VMCS", grade = "assumed" },
    { "frame", state = { "pc=keep", "sp=keep", "flags=keep" } },
    { "spec_ctrl", call = "spec_ctrl" },
    { "enter", call = "stub.enter" },
  },
  spec_ctrl = { { "write", cycles = 0, source = "off by default; a WRMSR each way where the host needs it", grade = "assumed" } },

  -- hvm_send_ioreq, and what follows until handle_hvm_io_completion
  device_model = {
    { "exit", action = "user_exit" },
    { "request", run = 260, code = 1024, data = 256, source = "reading of hvm_select_ioreq_server and hvm_send_ioreq: ranges of the servers searched, the request written", grade = "assumed" },
    { "notify", run = 220, code = 896, data = 256, source = "reading of notify_via_xen_event_channel and evtchn_set_pending: the port's lock, three bits, Dom0's vCPU kicked", grade = "assumed" },
    { "block", run = 900, code = 3072, data = 768, source = "reading of wait_on_xen_event_channel, schedule and credit2's csched2_schedule: the vCPU leaves its processor, Dom0's comes", grade = "assumed" },
    { "switch", cycles = 1200, source = "a context switch of vCPUs: VMCS left, segments, FPU, CR3", grade = "assumed" },
    { "to_dom0", action = "device_domain" },
    { "dom0", call = "dom0" },
    { "answer", run = 450, code = 1536, data = 384, source = "reading of do_event_channel_op(EVTCHNOP_send): the hypercall's entry, evtchn_set_pending, vcpu_unblock", grade = "assumed" },
    { "schedule", run = 900, code = 3072, like = "block", source = "the same path back", grade = "assumed" },
    { "to_domu", action = "own_domain" },
    { "switch_back", cycles = 1200, source = "the same switch", grade = "assumed" },
    { "resume", run = 200, code = 768, data = 192, source = "reading of hvm_do_resume and handle_hvm_io_completion: the answer taken, the shared state reset", grade = "assumed" },
  },
  -- Linux in Dom0: the upcall, then the process that waits for the event
  dom0 = {
    { "upcall", run = 500, code = 2048, data = 512, source = "reading of xen_evtchn_do_upcall and evtchn_2l_handle_events: pending words, evtchn_interrupt of /dev/xen/evtchn", grade = "assumed" },
    { "wake", run = 1400, code = 4608, data = 1024, source = "wake_up of the process and the scheduler's way to it", grade = "assumed" },
    { "return", cycles = 300, source = "SYSRET with its mitigations", grade = "assumed" },
    { "qemu", call = "dom0.qemu" },
    { "hypercall", cycles = 300, source = "SYSCALL, the ioctl IOCTL_EVTCHN_NOTIFY, VMCALL or SYSCALL into Xen", grade = "assumed" },
  },
  ["dom0.qemu"] = {
    at = "user",
    { "event", run = 350, code = 2048, data = 512, source = "reading of QEMU's cpu_handle_ioreq: the port read and unmasked, the request of the shared page", grade = "assumed" },
    { "dispatch", as = "qemu.user_space.process.dispatch" },
    { "device", as = "qemu.user_space.process.device" },
  },
  complete = { { "complete", run = 180, code = 640, data = 128, source = "reading of hvmemul_do_io's second pass and handle_pio", grade = "assumed" } },

  -- one of the registers that a guest begins to use goes into the MSR lists: hvm/vmx/vmcs.c, vmx_add_msr
  list_register = {
    offset = 0xd70000,
    { "add", run = 140, code = 768, source = "reading of vmx_add_msr, locate_msr_entry and vmx_clear_msr_intercept: the place searched by halves; the entries that move and the VMWRITEs are carried out", grade = "assumed" },
  },

  inject_event = {
    { "blocked", state = { "interruptibility", "flags" } },
    { "event", state = "entry_intr=vector", when = "interruptible" },
    { "injected", action = "injected", when = "interruptible" },
    { "window", call = "open_window", when = "not interruptible" },
  },
  emulate = {
    { "emulated", action = "emulated" },
    { "read", call = "mmio.read" },
    { "emulate", call = "mmio.emulate" },
    { "device_model", call = "mmio.device_model" },
    { "complete", call = "mmio.complete" },
    { "write", call = "mmio.write" },
  },
  back = {
    { "map", action = "map" },
    { "zero", clear = "page", taken = true, source = "pages are scrubbed before a domain gets them", grade = "documented" },
    { "around", call = "back_around", each = "around" },
  },
  back_around = { { "page", run = 250, source = "an entry of the p2m in a loop", grade = "assumed" }, { "map", action = "map_around" }, { "zero", call = "back.zero" } },
  back_for_shadow = { { "fault", call = "stage2_fault.fault" }, { "back", call = "back" } },

  -- a processor that several vCPUs share: common/sched/core.c, schedule, and arch/x86/domain.c, context_switch
  vcpu_switch = {
    { "schedule", run = 900, code = 3072, data = 768, source = "reading of schedule and credit2's csched2_schedule, as in device_model", grade = "assumed" },
    { "switch", run = 420, code = 1536, data = 512, source = "reading of context_switch, vmx_ctxt_switch_from and vmx_ctxt_switch_to: FPU, debug registers, MSRs of the guest, CR3", grade = "assumed" },
  },
}

program.exception = exit {
  read = "intr_info syndrome",
  { "handle", run = 200, code = 768, data = 192, source = "reading of vmx_vmexit_handler, EXIT_REASON_EXCEPTION_NMI", grade = "assumed" },
  { "device", call = "emulate", when = "device" },
}
program.interrupt = exit {
  read = "intr_info",
  { "handle", run = 550, code = 2560, data = 768, source = "reading of do_IRQ and the timer's softirq", grade = "assumed" },
}
program.interrupt_window = exit {
  write = "controls=closed",
  { "handle", run = 60, code = 256, data = 64, source = "reading of vmx_vmexit_handler, EXIT_REASON_PENDING_VIRT_INTR", grade = "assumed" },
}
program.nmi_window = exit {
  write = "controls=nmi_closed",
  { "handle", run = 50, code = 192, data = 64, source = "reading of vmx_vmexit_handler, EXIT_REASON_PENDING_VIRT_NMI", grade = "assumed" },
}
program.cpu_id = exit {
  read = skip, write = "pc=next",
  { "emulate", run = 260, code = 1792, data = 384, source = "reading of vmx_do_cpuid and guest_cpuid: a switch over the leaf, the domain's policy indexed, what depends on the vCPU put in", grade = "assumed" },
}
program.halt = exit {
  read = skip, write = "pc=next", wait = "event",
  { "emulate", run = 300, code = 1280, data = 384, source = "reading of hvm_hlt and vcpu_block", grade = "assumed" },
}
program.invalidate = exit {
  read = "syndrome " .. skip, write = "pc=next",
  { "emulate", run = 250, code = 1024, data = 256, source = "reading of vmx_invlpg_intercept and paging_invlpg", grade = "assumed" },
}
program.timestamp = exit {
  read = skip, write = "pc=next",
  { "emulate", run = 150, code = 640, data = 192, source = "reading of hvm_rdtsc_intercept", grade = "assumed" },
}
program.hypercall = exit {
  read = skip, write = "pc=next",
  { "handle", run = 140, code = 896, data = 192, source = "reading of hvm_hypercall: mode, privilege, the table of hypercalls", grade = "assumed" },
}
program.control_register = exit {
  read = "syndrome " .. skip, write = "pc=next",
  { "emulate", run = 300, code = 1280, data = 320, source = "reading of vmx_cr_access", grade = "assumed" },
}
program.pio = exit {
  read = "syndrome " .. skip, write = "pc=next", model = true,
  { "emulate", run = 240, code = 1024, data = 256, source = "reading of handle_pio and hvmemul_do_pio_buffer", grade = "assumed" },
  { "intercept", run = 200, code = 768, data = 256, source = "reading of hvm_io_intercept: the domain's handlers searched", grade = "assumed" },
}
program["msr.read"] = exit {
  read = skip, write = "pc=next",
  { "emulate", run = 200, code = 1280, data = 256, source = "reading of hvm_msr_read_intercept", grade = "assumed" },
}
program["msr.write"] = exit {
  read = skip, write = "pc=next",
  { "emulate", run = 260, code = 1280, data = 256, source = "reading of hvm_msr_write_intercept", grade = "assumed" },
}
program.pause = exit {
  read = skip, write = "pc=next",
  { "yield", run = 200, code = 896, data = 256, source = "reading of vmx_vmexit_handler, EXIT_REASON_PAUSE_INSTRUCTION: do_sched_op(SCHEDOP_yield) that finds nobody", grade = "assumed" },
}
program.apic_access = exit {
  read = "syndrome " .. emulation, write = "pc=next flags=keep",
  { "emulate", run = 1300, code = 5120, data = 896, source = "reading of vmx_handle_eoi_write and hvm_emulate_one: the instruction is emulated", grade = "assumed" },
}
program.apic_eoi = exit {
  read = "syndrome",
  { "handle", run = 220, code = 896, data = 256, source = "reading of vlapic_handle_EOI", grade = "assumed" },
}
program.apic_write = exit {
  read = "syndrome",
  { "handle", run = 280, code = 1024, data = 256, source = "reading of vlapic_apicv_write", grade = "assumed" },
}
program.stage2_fault = exit {
  read = "syndrome fault_gpa",
  { "fault", run = 1100, code = 4608, data = 1024, when = "not fast", source = "reading of ept_handle_violation, hvm_hap_nested_page_fault, p2m_pod_demand_populate", grade = "assumed" },
  { "device", call = "emulate", when = "device" },
  { "back", call = "back", when = "missing" },
}
program.mmio = exit {
  read = "fault_gpa " .. emulation, write = "pc=next flags=keep", model = true,
  { "emulate", run = 1900, code = 7168, data = 1024, source = "reading of handle_mmio_with_translation, hvm_emulate_one and hvm_io_intercept", grade = "assumed" },
}
program.timer = exit {}
program.priority = exit {} -- nothing is done: vmx_intr_assist looks on the way out
program.undefined = exit {
  write = "entry_intr=undefined",
  { "handle", run = 70, code = 256, data = 64, source = "reading of vmx_vmexit_handler and hvm_inject_hw_exception", grade = "assumed" },
}
program.debug_register = exit {
  read = "syndrome", write = "controls=keep",
  { "handle", run = 90, code = 384, data = 192, source = "reading of vmx_dr_access and __restore_debug_registers: exiting switched off, the instruction executed again", grade = "assumed" },
}
program.counter = exit {
  read = skip, write = "pc=next",
  { "emulate", run = 120, code = 512, data = 128, source = "reading of vmx_vmexit_handler, EXIT_REASON_RDPMC, and rdpmc", grade = "assumed" },
}
program.caches = exit {
  read = skip, write = "pc=next",
  { "emulate", run = 60, code = 256, data = 64, source = "reading of vmx_wbinvd_intercept without devices that need it: nothing is done", grade = "assumed" },
}
program.monitor = exit {
  write = "entry_intr=undefined",
  { "handle", run = 70, code = 256, data = 64, source = "reading of vmx_vmexit_handler, EXIT_REASON_MWAIT_INSTRUCTION: an invalid opcode", grade = "assumed" },
}
program.descriptor_table = exit {
  read = emulation, write = "pc=next flags=keep",
  { "emulate", run = 1500, code = 6144, data = 896, source = "reading of hvm_descriptor_access_intercept and hvm_emulate_one: the instruction is emulated", grade = "assumed" },
}
program.xsetbv = exit {
  read = skip, write = "pc=next",
  { "emulate", run = 150, code = 768, data = 192, source = "reading of hvm_handle_xsetbv and x86emul_write_xcr", grade = "assumed" },
}
program.supervisor_state = exit { read = skip, write = "pc=next" }
program.nmi = exit {
  read = "intr_info",
  { "handle", run = 1200, code = 4608, data = 896, source = "reading of do_nmi and the watchdog's nmi_watchdog_tick", grade = "assumed" },
}
program.shutdown = exit {
  { "handle", run = 200, code = 768, data = 192, source = "reading of hvm_triple_fault and domain_shutdown", grade = "assumed" },
}
program.bus_lock = exit {
  { "handle", run = 30, code = 128, data = 64, source = "reading of vmx_vmexit_handler, EXIT_REASON_BUS_LOCK: counted", grade = "assumed" },
}
program.log_full = exit {
  { "handle", run = 80, code = 256, data = 64, source = "reading of vmx_vcpu_flush_pml_buffer: the log was read when the guest was left", grade = "assumed" },
}

return {
  text = "Xen: HVM guests, devices in Dom0",
  programs = {
    kvm = { why = "no count of Xen's is at hand",
      "inject", "open_window", "inject_nmi", "open_nmi_window", "reinject", "host_interrupt", -- what the architecture asks for, without a length
      "block", "wake", "kick", -- a vCPU that halts; another processor is made to leave its guest
      "flush_target", "flush_request", "vcpu_reset", "vcpu_start",
      "fast_fault", "protect", -- a page that lacks a right; rights that somebody outside takes
      "log_entry", "log_round", "log_word", "log_page", "log_split",
      "shadow_fault", "shadow_write", "shadow_sync", "shadow_walk", "shadow_page", "shadow_entry", "shadow_zap", "shadow_root",
    },
    qemu = {},
  },
  program = program,
  paging = { mode = { "ept", "Xen: hap defaults to on", "documented" } },
  hypervisor = {
    halt_poll_ns = { 0, "Xen blocks the vCPU at once", "documented" },
    in_kernel = {
      rtc = { true, "Xen: hvm/rtc.c", "documented" }, hpet = { true, "Xen: hvm/hpet.c", "documented" },
      pm_timer = { true, "Xen: hvm/pmtimer.c", "documented" },
    },
  },
  vmcs = { control = {
    virtual_interrupt_delivery = { true, "Xen: apicv defaults to on", "documented" },
    apic_register_virtualization = { true, "Xen: apicv defaults to on", "documented" },
    virtualize_x2apic = { true, "Xen: used for guests in x2APIC mode", "documented" },
    posted_interrupts = { true, "Xen: apicv defaults to on", "documented" },
  }, msr_list = {
    use = { "branches", "Xen: vmx_msr_write_intercept, IA32_DEBUGCTL; vpmu defaults to off", "documented" },
  } },
}
