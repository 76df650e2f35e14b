-- SPDX-License-Identifier: MIT
-- KVM on Arm: stage 2 and a host at EL2 with VHE (model/el2). The path around the reason is Arm's own; handlers
-- that it shares with x86 (arch/arm64/kvm has no others in mind) are KVM's.
local split = "2A016: the common path of an HVC's round trip is 934 instructions (918 cycles less the parts modelled, at two instructions a cycle); this part of it a reading of "

local function exit(t)
  local all = { { "path_in", call = "path_in" }, { "read", state = "flags length pc interruptibility" } }
  for _, step in ipairs(t) do all[#all + 1] = step end
  all[#all + 1] = { "work", action = "work" }
  all[#all + 1] = { "copy", as = "kvm.cpu_id.copy" }
  all[#all + 1] = { "user_space", call = "user_space", when = "user", taken = false, source = "KVM's API: KVM_EXIT_MMIO goes to user space", grade = "documented" }
  all[#all + 1] = { "write", state = "pc=next" }
  all[#all + 1] = { "path_out", call = "path_out" }
  return all
end

local program = {
  -- hyp/entry.S: the vector and __guest_exit, and __guest_enter
  stub = {
    { "leave", run = 55, code = 320, data = 256, source = "counted in hyp/hyp-entry.S (el1_sync) and hyp/entry.S (__guest_exit)", grade = "assumed" },
    { "enter", run = 29, code = 128, source = "counted in hyp/entry.S (__guest_enter)", grade = "assumed" },
  },
  -- hyp/hyp-entry.S, SPECTRE_BHB_EL2: the vectors that KVM takes on a part that is affected, k = 24 on these cores
  bhb = { { "loop", cycles = 75, when = "bhb", source = "C1089: an HVC takes 317 ns with the loop, 292 without, on a Neoverse N1, here at 3 GHz", grade = "derived" } },
  path_in = {
    { "bhb", call = "bhb" },
    { "leave", call = "stub.leave" },
    { "fixed", as = "kvm.path_in.fixed" },
    { "exit", run = 330, code = 1216, data = 384,
      source = split .. "fixup_guest_exit, then kvm_arch_vcpu_ioctl_run: vGIC and timers synchronised, guest time, interrupts on", grade = "assumed" },
    { "reason", state = { "reason", "vectoring" } },
    { "log", action = "read_log" },
    { "nested", call = "nested_decide", when = "nested" },
    { "dispatch", run = 60, code = 256, data = 64, source = split .. "handle_exit and arm_exit_handlers", grade = "assumed" },
  },
  path_out = {
    { "pending", run = 200, code = 832, data = 192, source = split .. "kvm_arch_vcpu_ioctl_run: requests, signals, VMID", grade = "assumed" },
    { "inject", call = "inject", when = "inject" },
    { "more", call = "open_window", when = "more" },
    { "prepare", run = 260, code = 1344, data = 384, source = split .. "kvm_arch_vcpu_ioctl_run: preemption off, kvm_vgic_flush_hwstate, interrupts off, timers, SRCU", grade = "assumed" },
    { "enter", call = "stub.enter" },
  },
  viommu_submit = false, viommu_descriptor = false, viommu_entry = false, viommu_ioctl = false, page_request = false, viommu_fault = false, -- QEMU's hw/arm/smmuv3.c has no caching mode and refuses VFIO's notifier
  -- of a guest whose interrupts another hypervisor of this file lists, and of that one's own
  inject = {
    offset = 0xfc0000,
    { "queue", run = 170, code = 1152, source = "reading of kvm_vgic_inject_irq, vgic_queue_irq_unlock and vgic_v3_populate_lr", grade = "assumed" },
    { "event", state = "entry_intr=vector" },
    { "injected", action = "injected" },
  },
  rsb_fill = false, spec_ctrl = false, vmx_fast_in = false, vmx_fast_out = false, timer = false, -- x86's
  cpu_id = exit { { "search", run = 250, code = 1536, data = 512,
    source = "reading of kvm_handle_sys_reg and access_id_reg: binary search of the table of registers, about ten steps through a function pointer, the sanitised value, the guest's register, skip", grade = "assumed" } },
  ["msr.read"] = exit { { "emulate", run = 220, code = 1536, data = 384,
    source = "reading of kvm_handle_sys_reg: the same search, and a value of the vCPU structure", grade = "assumed" } },
  ["msr.write"] = exit { { "emulate", run = 320, code = 1536, data = 384,
    source = "reading of kvm_handle_sys_reg: the same search, and a value into the vCPU structure", grade = "assumed" } },
  power = exit {
    { "call", run = 260, code = 1536, data = 384,
      source = "reading of handle_hvc, kvm_smccc_call_handler and kvm_psci_call up to kvm_psci_vcpu_on", grade = "assumed" },
    { "turn_on", run = 520, code = 2048, data = 640,
      source = "reading of kvm_psci_vcpu_on: the vCPU of that MPIDR, its reset state, a request, kvm_vcpu_wake_up up to try_to_wake_up", grade = "assumed" },
  },
  -- hyp/include/hyp/switch.h: EL2 handles the first use itself and goes back, without the host's run loop
  floating_point = {
    { "bhb", call = "bhb" },
    { "leave", call = "stub.leave" },
    { "owner", action = "nested_decide", when = "nested" },
    { "fixup", run = 95, code = 768, data = 192,
      source = "reading of fixup_guest_exit and kvm_hyp_handle_fpsimd; moving the registers is el2.fp", grade = "assumed" },
    { "enter", call = "stub.enter" },
  },
  -- The syndrome says register, size and direction (ESR_EL2.ISV): no instruction is fetched or decoded.
  mmio = {
    { "path_in", call = "path_in" },
    { "read", state = "fault_gpa flags length pc interruptibility" },
    { "decode", run = 40, code = 128, data = 64, source = "reading of kvm_handle_guest_abort and io_mem_abort: fields of the syndrome", grade = "assumed" },
    { "emulate", run = 210, code = 1024, data = 256,
      source = "reading of io_mem_abort and, of a device in the kernel, dispatch_mmio_read and vgic_find_mmio_region: a binary search of its registers", grade = "assumed" },
    { "bus", as = "kvm.mmio.bus" },
    { "signal", as = "kvm.mmio.signal", like = "bus", when = "eventfd" },
    { "work", action = "work" },
    { "user_space", call = "user_space", when = "user", taken = true,
      source = "KVM's API: KVM_EXIT_MMIO goes to user space, for devices that KVM does not emulate itself", grade = "documented" },
    { "complete", run = 60, code = 256, data = 64, source = "reading of kvm_handle_mmio_return", grade = "assumed" },
    { "write", state = "pc=next" },
    { "path_out", call = "path_out" },
  },
  pause = exit { { "yield", as = "kvm.pause.yield",
    source = "reading of kvm_handle_wfx: of WFE it is kvm_vcpu_on_spin, which x86's handle_pause calls too", grade = "assumed" } },
}

-- kvm_arch_vcpu_put and kvm_arch_vcpu_load move system registers of their own (model/el2), and no MSRs
program.user_space = {
  { "exit", as = "kvm.user_space.exit" },
  { "put", as = "kvm.user_space.put" },
  { "leave_ioctl", as = "kvm.user_space.leave_ioctl" },
  { "qemu", as = "kvm.user_space.qemu" },
  { "enter_ioctl", as = "kvm.user_space.enter_ioctl" },
  { "load", as = "kvm.user_space.load" },
}

-- A hypervisor in the guest, L1, at virtual EL2, whose guest is L2: arch/arm64/kvm of Linux 6.9, emulate-nested.c and
-- sys_regs.c; what of L1 leaves it are the instructions of its world switch (model/el2/nested_switch.def).
-- in every exit of L2: handle_trap_exceptions; which of L1's traps would have taken it
program.nested_decide = {
  offset = 0xe50000,
  { "controls", action = "nested_decide" },
  { "owner", run = 90, code = 640, source = "reading of __forward_traps, triage_sysreg_trap and kvm_handle_wfx: an xa_load of the encoding, the trap group's bits of the virtual HCR_EL2", grade = "assumed" },
}
-- each change of level is a put of the one and a load of the other, as if the vCPU's thread had lost its processor between
local function put()
  return { "put", run = 420, code = 2560, data = 512, source = "reading of kvm_arch_vcpu_put without its system registers: debug, floating point, timers, vGIC and stage 2 of the level that is left", grade = "assumed" }
end
local function load()
  return { "load", run = 640, code = 3328, data = 640, source = "reading of kvm_arch_vcpu_load without its system registers: kvm_vcpu_load_hw_mmu, vGIC, the timers' map of the other level, debug", grade = "assumed" }
end
-- kvm_inject_nested, behind the decision
program["nested.exit"] = {
  { "path_in", call = "path_in", when = "not nested_woken" },
  { "interrupt", call = "interrupt.handle", when = "nested_interrupt" },
  { "walk", action = "work" },
  { "events", run = 110, code = 640, data = 128, when = "nested_event", source = "reading of kvm_vgic_flush_hwstate and kvm_inject_nested_irq: virtual EL2's list registers looked at, HCR_EL2.VI", grade = "assumed" },
  { "exception", run = 130, code = 768, data = 128, source = "reading of kvm_inject_nested, kvm_inject_el2_exception and enter_exception64: PSTATE and the vector computed, five registers set", grade = "assumed" },
  { "save", action = "nested_save" },
  put(),
  load(),
  { "host_state", action = "nested_leave" },
  { "path_out", call = "path_out" },
}
-- kvm_handle_eret, kvm_emulate_nested_eret
program["nested.entry"] = {
  { "path_in", call = "path_in" },
  { "read", state = { "syndrome" } },
  { "permission", run = 60, code = 384, data = 64, source = "reading of kvm_handle_eret and kvm_emulate_nested_eret up to kvm_arch_vcpu_put", grade = "assumed" },
  put(),
  { "check", run = 40, code = 256, source = "reading of kvm_check_illegal_exception_return: the mode of SPSR_EL2, TGE and E2H of the virtual HCR_EL2", grade = "assumed" },
  { "rules", action = "nested_check" },
  { "stage2", run = 210, code = 1024, data = 384, source = "reading of kvm_vcpu_load_hw_mmu, get_s2_mmu_nested and lookup_s2_mmu: the shadow stage 2 of that VTTBR_EL2 and VTCR_EL2 among those of the machine", grade = "assumed" },
  load(),
  { "merge", action = "nested_merge" },
  { "work", action = "work" },
  { "path_out", call = "path_out" },
}
-- HVC of L1's host at EL1 to its virtual EL2, and the ERET back: the same put and load, without another stage 2
program["nested.level"] = {
  { "path_in", call = "path_in" },
  { "read", state = { "syndrome" } },
  { "emulate", run = 110, code = 768, data = 128, source = "reading of handle_hvc, kvm_inject_nested_sync and, of the way back, kvm_emulate_nested_eret", grade = "assumed" },
  put(),
  load(),
  { "work", action = "work" },
  { "path_out", call = "path_out" },
}
-- kvm_handle_sys_reg of a register of virtual EL2. A write of CPACR_EL1, which stands for CPTR_EL2, EL2 answers itself
-- (fast); its switch reads that never.
local triage = "reading of kvm_handle_sys_reg, triage_sysreg_trap, emulate_sys_reg and access_rw: an xa_load, the same search as of any register, "
program["state.read"] = {
  { "path_in", call = "path_in" },
  { "read", state = "flags length pc interruptibility" },
  { "emulate", run = 270, code = 1792, data = 384, source = triage .. "vcpu_read_sys_reg by level", grade = "assumed" },
  { "work", action = "work" },
  { "write", state = "pc=next" },
  { "path_out", call = "path_out" },
}
program["state.write"] = {
  { "bhb", call = "bhb", when = "fast" },
  { "leave", call = "stub.leave", when = "fast" },
  { "path_in", call = "path_in", when = "not fast" },
  { "read", state = "flags length pc interruptibility", when = "not fast" },
  { "emulate", run = 280, code = 1792, data = 384, when = "not fast", source = triage .. "vcpu_write_sys_reg by level", grade = "assumed" },
  { "fixup", run = 110, code = 768, like = "emulate", when = "fast", source = "reading of fixup_guest_exit, kvm_hyp_handle_sysreg_vhe and kvm_hyp_handle_cpacr_el1", grade = "assumed" },
  { "work", action = "work" },
  { "write", state = "pc=next", when = "not fast" },
  { "path_out", call = "path_out", when = "not fast" },
  { "enter", call = "stub.enter", when = "fast" },
}

return {
  programs = "kvm",
  borrows = { kvm = { why = "the hypercall's program as on x86: no count of Arm's instructions is at hand", "hypervisor.hypercall" } },
  text = "KVM on Arm: a host with VHE, stage 2",
  calibrated = "2A016",
  program = program,
  groups = { round_trip = {
    source = "2A016: 918 cycles of an HVC on an Ampere Altra, less the hypercall's own instructions", grade = "derived",
    with = { cpu = "neoverse_n1" },
    "el2.exit.exception", "el2.entry.eret", "el2.pair", "el2.system_register",
    "hypervisor.stub.leave.instructions", "hypervisor.path_in.exit.instructions", "hypervisor.path_in.dispatch.instructions",
    "hypervisor.path_out.pending.instructions", "hypervisor.path_out.prepare.instructions", "hypervisor.stub.enter.instructions",
    "cpu.ipc",
  } },
  hypervisor = {
    halt_poll_ns = { 500000, "Linux arch/arm64/include/asm/kvm_host.h, KVM_HALT_POLL_NS_DEFAULT", "documented" },
  },
  paging = { mode = { "stage2", "KVM for arm64 always uses stage 2", "documented" } },
}
