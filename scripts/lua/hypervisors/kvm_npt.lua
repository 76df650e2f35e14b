-- SPDX-License-Identifier: MIT
-- KVM on AMD: nested paging and the VMCB's world switch (model/svm). The programs are those of KVM on Intel's
-- processors but for the entry stub.
local program = {
  ["state.read"] = false, ["state.write"] = false, ["nested.entry"] = false, ["nested.exit"] = false, nested_decide = false, -- VMX's
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
    { "exit", run = 493, code = 1344, data = 384,
      source = "1X064: 1440 instructions of the common path on Intel, of which this is a part; svm_vcpu_run and vcpu_enter_guest behind the stub", grade = "assumed" },
    { "unexplained", cycles = 623, source = "1X095: what hardware (C1045) and counted steps leave of 3388 cycles of a hypercall; the host is not named, its mitigations are in it", grade = "derived" },
    { "reason", state = { "reason", "vectoring" } },
    { "log", action = "read_log" },
    { "dispatch", run = 80, code = 256, data = 64, source = "reading of svm_handle_exit and svm_invoke_exit_handler", grade = "assumed" },
  },
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
