-- SPDX-License-Identifier: MIT
-- KVM on AMD: nested paging and the VMCB's world switch (model/svm). The programs are those of KVM on Intel's
-- processors but for the entry stub.
local program = {
  ["state.read"] = false, ["state.write"] = false, -- VMX's
  -- svm/vmenter.S, __svm_vcpu_run: behind VMRUN, and before it
  stub = {
    { "leave", run = 40, code = 192, data = 128, source = "counted in svm/vmenter.S: registers stored and cleared, the host's back", grade = "assumed" },
    { "enter", run = 27, code = 128, source = "counted in svm/vmenter.S: the host's registers pushed, the guest's loaded", grade = "assumed" },
  },
  path_in = {
    { "leave", call = "stub.leave" },
    { "rsb_fill", call = "rsb_fill" },
    { "spec_ctrl", call = "spec_ctrl" },
    { "untrain", run = 7, when = "untrain", source = "counted in Linux arch/x86/include/asm/nospec-branch.h, UNTRAIN_RET_VM, and retbleed_untrain_ret: a call, LFENCE and a return", grade = "assumed" },
    { "ibpb", as = "kvm.path_in.ibpb" },
    { "fixed", as = "kvm.path_in.fixed" },
    { "exit", run = 509, code = 1344, data = 384,
      source = "1X064: 1488 instructions of the common path on Intel, of which this is a part; svm_vcpu_run and vcpu_enter_guest behind the stub", grade = "assumed" },
    { "unexplained", cycles = 599, source = "1X095: what hardware (C1045) and counted steps leave of 3388 cycles of a hypercall; the host is not named, its mitigations are in it", grade = "derived" },
    { "reason", state = { "reason", "vectoring" } },
    { "log", action = "read_log" },
    { "nested", call = "nested_decide", when = "nested" },
    { "dispatch", run = 80, code = 256, data = 64, source = "reading of svm_handle_exit and svm_invoke_exit_handler", grade = "assumed" },
  },
}

-- svm_vcpu_load, svm_prepare_switch_to_guest, svm_vcpu_put: VMRUN keeps none of the registers that VMSAVE and VMLOAD
-- move. The host's are saved before the first entry and are loaded behind each exit; TSC_AUX is left to the return
-- to user space.
program.user_space = {
  { "exit", as = "kvm.user_space.exit" },
  { "put", as = "kvm.user_space.put" },
  { "put_msrs", call = "host_msrs.put", when = "host_msrs" },
  { "user_return", cycles = 120, when = "not host_msrs", source = "kvm_on_user_return: TSC_AUX, the only one of the list (tsc_aux_uret_slot), as instruction.wrmsr", grade = "assumed" },
  { "leave_ioctl", as = "kvm.user_space.leave_ioctl" },
  { "qemu", as = "kvm.user_space.qemu" },
  { "enter_ioctl", as = "kvm.user_space.enter_ioctl" },
  { "load", as = "kvm.user_space.load" },
  { "load_msrs", call = "host_msrs.load", when = "host_msrs" },
  { "save_host", cycles = 162, when = "not host_msrs", source = "svm_prepare_switch_to_guest: VMSAVE of the host's save area, as svm.instruction.vmload (C1112)", grade = "derived" },
  { "guest_msrs", cycles = 120, when = "not host_msrs", source = "kvm_set_user_return_msr of TSC_AUX, as instruction.wrmsr", grade = "assumed" },
}
-- until Linux 5.11: host_save_user_msrs are STAR, LSTAR, CSTAR, SYSCALL_MASK, KERNEL_GS_BASE, FS_BASE, SYSENTER_CS,
-- SYSENTER_ESP, SYSENTER_EIP and TSC_AUX
program.host_msrs = {
  { "load", cycles = 682, source = "svm_vcpu_load of Linux 5.11: ten MSRs and GS_BASE read, 62 cycles each (C1108)", grade = "derived" },
  { "put", cycles = 1320, source = "svm_vcpu_put of Linux 5.11: KERNEL_GS_BASE and the ten MSRs written, as instruction.wrmsr", grade = "assumed" },
}

-- A hypervisor in the guest, L1, whose guest is L2: arch/x86/kvm/svm/nested.c of Linux 6.1. Three or four instructions
-- for each field that moves, and what stands around them.
-- in every exit of L2: nested_svm_exit_special, nested_svm_exit_handled
program.nested_decide = {
  offset = 0xe50000,
  { "controls", action = "nested_decide" },
  { "owner", run = 110, code = 768, source = "reading of nested_svm_exit_special and nested_svm_intercept: two switches of the code, VMCB12's intercept asked", grade = "assumed" },
}
program["nested.entry"] = {
  { "path_in", call = "path_in" },
  { "read", state = { "pc", "length", "interruptibility" } },
  { "permission", run = 120, code = 768, data = 192, source = "reading of vmrun_interception, nested_svm_check_permissions and kvm_vcpu_map of VMCB12", grade = "assumed" },
  { "control", run = 190, code = 1024, data = 384, source = "reading of nested_copy_vmcb_control_to_cache and nested_copy_vmcb_save_to_cache: some fifty words", grade = "assumed" },
  { "check", run = 160, code = 1280, data = 128, source = "reading of nested_vmcb_check_save and nested_vmcb_check_controls: about seven instructions a rule", grade = "assumed" },
  { "rules", action = "nested_check" },
  { "prepare", run = 420, code = 3072, data = 384, source = "reading of nested_vmcb02_prepare_control, recalc_intercepts and nested_vmcb02_prepare_save: intercept words joined, CR0, CR4 and EFER set", grade = "assumed" },
  { "merge", action = "nested_merge" },
  { "maps", run = 330, code = 512, data = 128, source = "reading of nested_svm_vmrun_msrpm: kvm_vcpu_read_guest for each of about a dozen words", grade = "assumed" },
  { "mmu", run = 380, code = 3072, data = 512, source = "reading of nested_svm_init_mmu_context, kvm_init_shadow_npt_mmu and kvm_mmu_load: the role computed, the root looked up", grade = "assumed" },
  { "work", action = "work" },
  { "path_out", call = "path_out" },
}
-- nested_svm_vmexit, behind the decision
program["nested.exit"] = {
  { "path_in", call = "path_in", when = "not nested_woken" },
  { "interrupt", call = "interrupt.handle", when = "nested_interrupt" },
  { "walk", action = "work" },
  { "exception", call = "nested_exception", when = "nested_exception" },
  { "events", run = 90, code = 640, data = 128, when = "nested_event", source = "reading of kvm_check_nested_events and svm_check_nested_events: pending exceptions, NMIs, kvm_cpu_has_interrupt, nested_exit_on_intr", grade = "assumed" },
  { "vmexit", run = 150, code = 768, data = 256, source = "reading of nested_svm_vmexit: kvm_vcpu_map and kvm_vcpu_unmap of VMCB12, leave_guest_mode", grade = "assumed" },
  { "save", action = "nested_save" },
  { "sync", run = 200, code = 1536, data = 128, source = "reading of nested_svm_vmexit and nested_save_pending_event_to_vmcb12: about thirty fields", grade = "assumed" },
  { "host_state", action = "nested_leave" },
  { "load", run = 340, code = 2048, data = 384, source = "reading of nested_svm_vmexit behind svm_switch_vmcb: CR0, CR4 and EFER set, the MMU's context changed, the root looked up", grade = "assumed" },
  { "window", call = "open_window", when = "nested_event" }, -- svm_enable_irq_window
  { "path_out", call = "path_out" },
}
-- an exception that both intercept: L0's own handler queues it again
program.nested_exception = {
  offset = 0xd40000,
  { "queue", run = 140, code = 896, source = "reading of db_interception, kvm_multiple_exception, svm_check_nested_events and nested_svm_inject_exception_vmexit: queued, looked for, an exit of L2's", grade = "assumed" },
}
-- where the processor does not virtualize them: vmload_vmsave_interception; stgi_interception, clgi_interception
program["nested.state"] = {
  { "path_in", call = "path_in" },
  { "read", state = { "pc", "length", "interruptibility" } },
  { "emulate", run = 190, code = 1024, data = 256, source = "reading of vmload_vmsave_interception and svm_copy_vmloadsave_state: permission, VMCB12 mapped, twelve fields", grade = "assumed" },
  { "work", action = "work" },
  { "path_out", call = "path_out" },
}
program["nested.flag"] = {
  { "path_in", call = "path_in" },
  { "read", state = { "pc", "length", "interruptibility" } },
  { "emulate", run = 90, code = 512, data = 128, source = "reading of stgi_interception and svm_set_gif: permission, the flag, a request", grade = "assumed" },
  { "work", action = "work" },
  { "path_out", call = "path_out" },
}

-- process_nmi; svm_inject_nmi: the handler's IRET exits, and behind that instruction, by a single step, the next one
-- goes in (svm_enable_nmi_window). Where the processor holds NMIs itself: svm_set_vnmi_pending.
program.inject_nmi = {
  offset = 0xe70000,
  { "process", as = "kvm.inject_nmi.process" },
  { "virtual", state = "virtual_nmi=nmi", when = "nmi_virtual" },
  { "held", action = "nmi_held", when = "nmi_virtual" },
  { "event", call = "inject_nmi_event", when = "nmi_left" },
}
program.inject_nmi_event = {
  { "blocked", state = "interruptibility" },
  { "event", state = "entry_intr=nmi", when = "nmi_open" },
  { "injected", action = "nmi_injected", when = "nmi_open" },
  { "window", call = "open_nmi_window", when = "nmi_waits" },
}
program.interrupt_return = {
  { "path_in", call = "path_in" },
  { "handle", run = 40, code = 192, data = 64, source = "reading of iret_interception, svm_clr_iret_intercept and recalc_intercepts", grade = "assumed" },
  { "closed", state = "controls=nmi_closed" },
  { "address", state = "pc" },
  { "path_out", call = "path_out" },
}
program.nmi_window = {
  { "path_in", call = "path_in" },
  { "read", state = { "intr_info", "syndrome" } },
  { "handle", run = 40, code = 192, data = 64, source = "reading of db_interception and disable_nmi_singlestep: the trap flag cleared, a request made", grade = "assumed" },
  { "closed", state = "controls=nmi_closed" },
  { "path_out", call = "path_out" },
}

-- avic.c: AVIC has set the request in the backing page of a target that sleeps; the hypervisor wakes its thread
program.ipi = {
  { "path_in", call = "path_in" },
  { "read", state = "syndrome fault_gpa" },
  { "kick", run = 420, code = 2048, data = 512,
    source = "reading of avic_incomplete_ipi_interception, avic_kick_target_vcpus_fast and kvm_vcpu_wake_up up to try_to_wake_up", grade = "assumed" },
  { "work", action = "work" },
  { "path_out", call = "path_out" },
}

return {
  programs = "kvm",
  borrows = { kvm = { why = "the code of KVM that all processors share; what was fitted was the round trip on Intel", "hypervisor" } },
  text = "KVM on AMD: SVM and nested paging",
  program = program,
  hypervisor = { ple_window = { max = { 65535, "Linux arch/x86/kvm/x86.h, KVM_SVM_DEFAULT_PLE_WINDOW_MAX", "documented" } } },
  calibrated = "1X095",
  paging = { mode = { "npt", "KVM's default where the processor has nested paging (kvm_amd.npt)", "documented" } },
}
