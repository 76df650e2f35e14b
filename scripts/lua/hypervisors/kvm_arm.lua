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
  ["state.read"] = false, ["state.write"] = false, ["nested.entry"] = false, ["nested.exit"] = false, nested_decide = false, -- VMX's
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
    { "dispatch", run = 60, code = 256, data = 64, source = split .. "handle_exit and arm_exit_handlers", grade = "assumed" },
  },
  path_out = {
    { "pending", run = 200, code = 832, data = 192, source = split .. "kvm_arch_vcpu_ioctl_run: requests, signals, VMID", grade = "assumed" },
    { "inject", call = "inject", when = "inject" },
    { "more", call = "open_window", when = "more" },
    { "prepare", run = 260, code = 1344, data = 384, source = split .. "kvm_arch_vcpu_ioctl_run: preemption off, kvm_vgic_flush_hwstate, interrupts off, timers, SRCU", grade = "assumed" },
    { "enter", call = "stub.enter" },
  },
  viommu_submit = false, viommu_descriptor = false, viommu_entry = false, viommu_ioctl = false, -- QEMU's hw/arm/smmuv3.c has no caching mode and refuses VFIO's notifier
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
