-- SPDX-License-Identifier: MIT
-- KVM in the kernel; port I/O and MMIO nobody handles there go to user space (QEMU).

-- An exit's program: the common path in, the reason's own steps, perhaps user space, what is written
-- back, the common path out.
local function exit(t)
  local all = { { "path_in", call = "path_in" } }
  local function add(step) all[#all + 1] = step end
  if t.read then add { "read", state = t.read, when = t.read_when } end
  for _, step in ipairs(t) do add(step) end
  add { "work", action = "work" }
  add { "copy", copy = 0, source = "nothing is copied beyond what the other steps touch", grade = "assumed" }
  add { "user_space", call = "user_space", when = "user", taken = t.user or false,
        source = "KVM's API: KVM_EXIT_IO and KVM_EXIT_MMIO go to user space", grade = "documented" }
  if t.write then add { "write", state = t.write, when = t.write_when } end
  for _, step in ipairs(t.last or {}) do add(step) end
  add { "path_out", call = "path_out" }
  if t.wait then add { "wait", wait = t.wait } end
  return all
end

local skip = "flags length pc interruptibility"
local emulation = "pc flags sp code_segment cr0 cr3 length interruptibility"

local program = {
  path_in = {
    { "rsb_fill", call = "rsb_fill" },
    { "spec_ctrl", call = "spec_ctrl" },
    { "fixed", cycles = 0, source = "0: handlers are programs; set only by machines that reproduce a document's sum", grade = "assumed" },
    { "common", run = 1440, code = 4096, data = 1280,
      source = "1X064: round trip of a VMCALL under KVM less hardware transition, VMCS accesses and the handler", grade = "derived" },
    { "reason", state = { "reason", "vectoring" } },
    { "log", action = "read_log" },
  },
  path_out = {
    { "inject", call = "inject", when = "inject" },
    { "more", call = "open_window", when = "more" },
    { "l1d_flush", cycles = 0, source = "off by default; on parts with L1TF it costs thousands of cycles", grade = "assumed" },
    { "spec_ctrl", call = "spec_ctrl" },
  },
  rsb_fill = { { "fill", cycles = 0, source = "off by default; 32 calls where the host needs it", grade = "assumed" } },
  spec_ctrl = { { "write", cycles = 0, source = "off by default; a WRMSR each way where the host needs it", grade = "assumed" } },
  user_space = {
    at = "user",
    { "exit", action = "user_exit" },
    { "switch", cycles = 600, source = "leaving the ioctl, a system call back in, user-return notifiers", grade = "assumed" },
    { "device", run = 2500, code = 16384, data = 4096,
      source = "reading of QEMU's main loop: exit dispatch, address space lookup, device callback, lock", grade = "assumed" },
  },
  inject = {
    { "highest", state = "virtual_intr", when = "virtual_delivery" },
    { "ask", state = "virtual_intr=highest", when = "virtual_delivery" },
    { "asked", action = "injected", when = "virtual_delivery" },
    { "event", call = "inject_event", when = "not virtual_delivery" },
  },
  inject_event = {
    { "blocked", state = "interruptibility" },
    { "flags", state = "flags", when = "unblocked" },
    { "event", state = "entry_intr=vector", when = "interruptible" },
    { "injected", action = "injected", when = "interruptible" },
    { "window", call = "open_window", when = "not interruptible" },
  },
  open_window = {
    { "open", state = "controls=open" },
    { "window", action = "window" },
  },
  emulate = {
    { "emulated", action = "emulated" },
    { "read", call = "mmio.read" },
    { "emulate", call = "mmio.emulate" },
    { "write", call = "mmio.write" },
    { "user_space", call = "mmio.user_space" },
  },
  back = {
    { "map", action = "map" },
    { "zero", clear = "page", taken = true, source = "a new page of anonymous host memory reads as zero", grade = "documented" },
    { "around", call = "back_around", each = "around" },
  },
  back_around = {
    { "page", run = 300, source = "page allocation and an entry in a loop, without the path of the exit", grade = "assumed" },
    { "map", action = "map_around" },
    { "zero", call = "back.zero" },
  },
  back_for_shadow = {
    { "fault", call = "stage2_fault.fault" },
    { "back", call = "back" },
  },
  host_interrupt = { { "handle", call = "interrupt.handle" } },
}

program.exception = exit {
  read = "intr_info syndrome",
  { "handle", run = 300, code = 1024, data = 256,
    source = "reading of KVM's handle_exception_nmi", grade = "assumed" },
  { "device", call = "emulate", when = "device" },
}
program.interrupt = exit {
  read = "intr_info",
  { "handle", run = 900, code = 4096, data = 1024,
    source = "host interrupt entry, handler, accounting and exit of a timer tick", grade = "assumed" },
}
program.interrupt_window = exit {
  write = "controls=closed",
  { "handle", run = 120, code = 512, data = 128,
    source = "reading of KVM's handle_interrupt_window", grade = "assumed" },
}
program.cpu_id = exit {
  read = skip, write = "pc=next",
  { "search", run = 320, code = 1536, data = 512,
    source = "reading of kvm_emulate_cpuid: search of the entry list, four registers, skip of the instruction", grade = "assumed" },
}
program.halt = exit {
  read = skip, write = "pc=next", wait = "event",
  { "emulate", run = 350, code = 1536, data = 512,
    source = "reading of kvm_emulate_halt; sleeping is hypervisor.block", grade = "assumed" },
}
program.invalidate = exit {
  read = "syndrome " .. skip, write = "pc=next",
  { "emulate", run = 400, code = 1536, data = 512,
    source = "reading of KVM's handle_invlpg", grade = "assumed" },
}
program.timestamp = exit {
  read = skip, write = "pc=next",
  { "emulate", run = 180, code = 768, data = 192,
    source = "reading of KVM's emulation: scaled host counter", grade = "assumed" },
}
program.hypercall = exit {
  read = skip, write = "pc=next",
  { "handle", run = 160, code = 1024, data = 256,
    source = "1X064: round trip of a VMCALL under KVM less hardware transition and common path", grade = "derived" },
}
program.control_register = exit {
  read = "syndrome " .. skip, write = "pc=next",
  { "emulate", run = 350, code = 1536, data = 384,
    source = "reading of KVM's handle_cr", grade = "assumed" },
}
program.pio = exit {
  read = "syndrome code_segment " .. skip, write = "pc=next", user = true,
  { "emulate", run = 700, code = 3072, data = 768,
    source = "reading of KVM's handle_io and complete_emulated_pio", grade = "assumed" },
}
program["msr.read"] = exit {
  read = skip, write = "pc=next",
  { "emulate", run = 260, code = 1536, data = 384,
    source = "reading of kvm_emulate_rdmsr", grade = "assumed" },
}
program["msr.write"] = exit {
  read = skip, write = "pc=next",
  { "emulate", run = 320, code = 1536, data = 384,
    source = "reading of kvm_emulate_wrmsr", grade = "assumed" },
}
program.pause = exit {
  read = skip, write = "pc=next",
  { "yield", run = 200, code = 1024, data = 256,
    source = "reading of KVM's handle_pause: directed yield that finds nobody", grade = "assumed" },
}
-- An end of interrupt is KVM's fasteoi, which steps over the instruction without looking at it.
program.apic_access = exit {
  { "read_eoi", state = "syndrome " .. skip, when = "fast" },
  { "read", state = "syndrome " .. emulation, when = "not fast" },
  { "emulate", run = 1600, code = 6144, data = 1024, when = "not fast",
    source = "reading of KVM's handle_apic_access: the instruction is emulated", grade = "assumed" },
  { "eoi", run = 350, code = 1536, like = "emulate", when = "fast",
    source = "reading of KVM's handle_apic_access with fasteoi and kvm_lapic_set_eoi", grade = "assumed" },
  last = {
    { "write_eoi", state = "pc=next", when = "fast" },
    { "write", state = "pc=next flags=keep", when = "not fast" } },
}
program.apic_eoi = exit {
  read = "syndrome",
  { "handle", run = 350, code = 1536, data = 384,
    source = "reading of kvm_apic_set_eoi_accelerated", grade = "assumed" },
}
program.stage2_fault = exit {
  read = "syndrome fault_gpa",
  { "fault", run = 2200, code = 8192, data = 2048, when = "not fast",
    source = "reading of the direct page fault path: memslot, host page lookup, page allocation, mapping under the lock", grade = "assumed" },
  { "device", call = "emulate", when = "device" },
  { "back", call = "back", when = "missing" },
}
program.mmio = exit {
  read = "fault_gpa " .. emulation, write = "pc=next flags=keep", user = true,
  { "emulate", run = 2600, code = 10240, data = 1536,
    source = "reading of KVM's MMIO path: decode and emulation of the instruction, then user space", grade = "assumed" },
}
program.timer = exit {
  { "handle", run = 300, code = 1536, data = 384,
    source = "reading of KVM's handle_preemption_timer: expired timer, vector raised", grade = "assumed" },
}
program.log_full = exit {
  { "handle", run = 120, code = 512, data = 128,
    source = "reading of KVM's handle_pml_full: the log was read when the guest was left (host.dirty_log.entry), nothing is left to do", grade = "assumed" },
}
program.apic_write = exit {
  read = "syndrome",
  { "handle", run = 400, code = 1536, data = 384,
    source = "reading of kvm_apic_write_nodecode", grade = "assumed" },
}

return {
  text = "KVM with QEMU in user space",
  program = program,
  calibrated = "1X064",
  paging = { mode = { "ept", "KVM's default where the processor has EPT", "documented" } },
  vmcs = { control = {
    virtual_interrupt_delivery = { true, "KVM: enable_apicv defaults to on", "documented" },
    apic_register_virtualization = { true, "KVM: enable_apicv defaults to on", "documented" },
    virtualize_x2apic = { true, "KVM: used for guests in x2APIC mode", "documented" },
    posted_interrupts = { true, "KVM: enable_apicv defaults to on", "documented" },
  } },
}
