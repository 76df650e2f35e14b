-- SPDX-License-Identifier: MIT
-- KVM on Intel's processors (VMX), and QEMU in user space. What all of KVM's x86 has in common is here too:
-- kvm_npt and kvm_no_apicv build on it. The length of the common path is what 1X064 leaves for it, 1488
-- instructions; how it splits over its steps is a reading of Linux, arch/x86/kvm/. A program of a few lines for each
-- of its exits and threads makes more than 600 lines, which other files take by name.

-- An exit's program: the way in, what is read of the guest's state, the reason's own steps, perhaps user space,
-- what is done when that is back, what is written, the way out.
local function exit(t)
  local slow = t.fast and "not fast" or nil
  local all = { { "path_in", call = "path_in", when = slow } }
  local function add(step) all[#all + 1] = step end
  if t.fast then add { "vmx_fast_in", call = "vmx_fast_in", when = "fast" } end
  if t.read then add { "read", state = t.read } end
  for _, step in ipairs(t) do add(step) end
  add { "work", action = "work" }
  add { "copy", copy = 0, source = "nothing is copied beyond what the other steps touch", grade = "assumed" }
  add { "user_space", call = "user_space", when = "user", taken = t.user or false,
        source = "KVM's API: KVM_EXIT_IO and KVM_EXIT_MMIO go to user space, for devices that KVM does not emulate itself", grade = "documented" }
  for _, step in ipairs(t.complete or {}) do add(step) end
  if t.write then add { "write", state = t.write } end
  for _, step in ipairs(t.last or {}) do add(step) end
  add { "path_out", call = "path_out", when = slow }
  if t.fast then add { "vmx_fast_out", call = "vmx_fast_out", when = "fast" } end
  if t.wait then add { "wait", wait = t.wait } end
  return all
end

local signal = "reading of ioeventfd_write, eventfd_signal and the function that wakes who waits for it, as vhost_poll_wakeup"
local skip = "flags length pc interruptibility" -- kvm_skip_emulated_instruction
local emulation = "pc flags sp code_segment cr0 cr3 length interruptibility" -- init_emulate_ctxt
local split = "1X064: the common path of a VMCALL's round trip is 1488 instructions; this part of it a reading of "

local program = {
  -- vmx/vmenter.S, __vmx_vcpu_run: behind VMRESUME, and before it
  stub = {
    { "leave", run = 58, code = 256, data = 128, source = "counted in vmx/vmenter.S from vmx_vmexit on, vmx_spec_ctrl_restore_host with ten", grade = "assumed" },
    { "enter", run = 42, code = 192, source = "counted in vmx/vmenter.S up to VMRESUME, vmx_update_host_rsp with ten", grade = "assumed" },
  },
  path_in = {
    { "leave", call = "stub.leave" },
    { "rsb_fill", call = "rsb_fill" },
    { "spec_ctrl", call = "spec_ctrl" },
    { "ibpb", cycles = 1100, when = "ibpb", source = "a write of PRED_CMD: published microbenchmarks range from some hundred to several thousand cycles by part; none was at hand", grade = "assumed" },
    { "fixed", cycles = 0, source = "0: handlers are programs; set only by machines that reproduce a document's sum", grade = "assumed" },
    { "exit", run = 476, code = 1216, data = 384,
      source = split .. "vmx_vcpu_run and vcpu_enter_guest behind the stub: host MSRs and debug state, registers marked stale, guest time, interrupts on, SRCU", grade = "assumed" },
    { "reason", state = { "reason", "vectoring" } },
    { "log", action = "read_log" },
    { "nested", call = "nested_decide", when = "nested" },
    { "dispatch", run = 80, code = 256, data = 64,
      source = split .. "__vmx_handle_exit: checks of the reason, the switch of the frequent ones, the table of handlers", grade = "assumed" },
  },
  path_out = {
    { "again", call = "reinject", when = "vectoring" },
    { "pending", run = 336, code = 832, data = 256,
      source = split .. "vcpu_run: whether there is a request, a signal, somebody to be scheduled; vcpu_enter_guest up to its requests", grade = "assumed" },
    { "nmi", call = "inject_nmi", when = "nmi" },
    { "inject", call = "inject", when = "inject" },
    { "more", call = "open_window", when = "more" },
    { "prepare", run = 496, code = 1344, data = 448,
      source = split .. "vcpu_enter_guest before the stub: events, TPR threshold, preemption off, vmx_prepare_switch_to_guest, interrupts off, APICv sync, timers, guest's MSRs", grade = "assumed" },
    { "l1d_flush", cycles = 0, source = "off by default; on parts with L1TF it costs thousands of cycles", grade = "assumed" },
    { "flush_l1d", action = "flush_l1d", when = "l1d_flush" },
    { "spec_ctrl", call = "spec_ctrl" },
    { "verw", cycles = 500, when = "verw", source = "VERW with MD_CLEAR: published microbenchmarks give about 450 to 600 cycles from Broadwell to Cascade Lake; none was at hand", grade = "assumed" },
    { "enter", call = "stub.enter" },
  },
  -- the short way: vcpu_enter_guest's loop around vmx_vcpu_run, with interrupts off
  vmx_fast_in = {
    { "leave", call = "stub.leave" },
    { "rsb_fill", call = "rsb_fill" },
    { "spec_ctrl", call = "spec_ctrl" },
    { "ibpb", cycles = 1100, when = "ibpb", source = "as hypervisor.path_in.ibpb: behind the stub, on every exit", grade = "assumed" },
    { "exit", run = 150, code = 448, data = 192,
      source = "reading of vmx_vcpu_run behind the stub, a third of hypervisor.path_in.exit: registers marked stale, guest's debug state, vmx_exit_handlers_fastpath", grade = "assumed" },
    { "reason", state = { "reason", "vectoring" } },
    { "log", action = "read_log" },
  },
  vmx_fast_out = {
    { "again", call = "reinject", when = "vectoring" },
    { "inject", call = "inject", when = "inject" },
    { "prepare", run = 120, code = 384, data = 128,
      source = "reading of vcpu_enter_guest's loop and of vmx_vcpu_run before the stub, a quarter of hypervisor.path_out.prepare: an exit request looked at, sync_pir_to_irr, the timer written", grade = "assumed" },
    { "flush_l1d", action = "flush_l1d", when = "l1d_flush" },
    { "spec_ctrl", call = "spec_ctrl" },
    { "verw", cycles = 500, when = "verw", source = "as hypervisor.path_out.verw: vmx_vcpu_enter_exit, on every entry", grade = "assumed" },
    { "enter", call = "stub.enter" },
  },
  rsb_fill = {
    { "stuff", run = 82, when = "rsb", source = "counted in Linux arch/x86/include/asm/nospec-branch.h, __FILL_RETURN_BUFFER: 16 times two calls, an addition, a decrement and a jump, then LFENCE", grade = "assumed" },
    { "fill", cycles = 0, source = "off by default; 32 calls where the host needs it", grade = "assumed" },
  },
  spec_ctrl = {
    { "write", cycles = 0, source = "off by default; a WRMSR each way where the host needs it", grade = "assumed" },
    { "ibrs", cycles = 120, when = "ibrs", source = "a WRMSR of SPEC_CTRL as instruction.wrmsr: the host's value after an exit, the guest's before an entry (x86_spec_ctrl_restore_host)", grade = "assumed" },
  },

  -- from KVM_RUN's return to the next KVM_RUN
  user_space = {
    { "exit", action = "user_exit" },
    { "put", run = 260, code = 1536, data = 384,
      source = "reading of vcpu_put and kvm_arch_vcpu_ioctl_run's end: user's FPU state back, preemption notifier, signal mask", grade = "assumed" },
    { "put_gs", cycles = 200, source = "vmx_prepare_switch_to_host: MSR_KERNEL_GS_BASE, the guest's read and the host's written, as instruction.rdmsr and instruction.wrmsr", grade = "assumed" },
    { "user_return", cycles = 240, source = "kvm_on_user_return: the host's values of the MSRs that differ, a WRMSR each (instruction.wrmsr). LSTAR and TSC_AUX do; STAR and SYSCALL_MASK are one Linux's and another's", grade = "assumed" },
    { "leave_ioctl", cycles = 300, source = "half of the 600 cycles assumed for both ways: SYSRET with its mitigations", grade = "assumed" },
    { "qemu", call = "user_space.process" },
    { "enter_ioctl", cycles = 300, source = "the other half: SYSCALL, entry_SYSCALL_64, the way to kvm_vcpu_ioctl", grade = "assumed" },
    { "load", run = 300, code = 1792, data = 512,
      source = "reading of vcpu_load and kvm_arch_vcpu_ioctl_run's beginning: preemption notifier, VMCS current, guest's FPU state", grade = "assumed" },
    { "guest_msrs", cycles = 360, source = "vmx_prepare_switch_to_guest: a WRMSR (instruction.wrmsr) of MSR_KERNEL_GS_BASE, and by kvm_set_user_return_msr of LSTAR and TSC_AUX, which differ from the host's", grade = "assumed" },
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
  -- vmx_nmi_blocked, vmx_inject_nmi; vmx_enable_nmi_window, where a handler of another one runs or it is the second
  inject_nmi = {
    offset = 0xe70000,
    { "process", run = 40, code = 128, source = "reading of process_nmi and the NMI's part of inject_pending_event: the count of queued ones, at most two", grade = "assumed" },
    { "blocked", state = "interruptibility" },
    { "event", state = "entry_intr=nmi", when = "nmi_open" },
    { "injected", action = "nmi_injected", when = "nmi_open" },
    { "window", call = "open_nmi_window", when = "nmi_waits" },
  },
  open_nmi_window = {
    { "open", state = "controls=nmi_open" },
    { "window", action = "nmi_window" },
  },
  reinject = { { "event", state = "entry_intr=vectored" } }, -- vmx_complete_interrupts, vmx_inject_irq
  open_window = {
    { "open", state = "controls=open" },
    { "window", action = "window" },
  },
  emulate = {
    { "emulated", action = "emulated" },
    { "read", call = "mmio.read" },
    { "decode", call = "mmio.decode" },
    { "emulate", call = "mmio.emulate" },
    { "bus", call = "mmio.bus" },
    { "write", call = "mmio.write" },
    { "user_space", call = "mmio.user_space" },
    { "complete", call = "mmio.complete" },
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
    { "memslot", call = "stage2_fault.memslot" },
    { "host_page", call = "stage2_fault.host_page" },
    { "lock", call = "stage2_fault.lock" },
    { "entry", call = "stage2_fault.entry" },
    { "back", call = "back" },
  },
  host_interrupt = { { "handle", call = "interrupt.handle" } },

  -- a processor that several threads share: kernel/sched/core.c, __schedule, from one vCPU's thread to another's
  vcpu_switch = {
    { "schedule", run = 520, code = 3072, data = 768,
      source = "reading of Linux __schedule up to context_switch: run-queue lock, update_curr, put_prev_entity, pick_eevdf, set_next_entity, statistics", grade = "assumed" },
    { "put", run = 220, code = 1024, data = 256,
      source = "reading of kvm_sched_out: kvm_arch_vcpu_put with steal time's preempted flag, vmx_prepare_switch_to_host, host's FPU state", grade = "assumed" },
    { "space", run = 110, code = 512, data = 192,
      source = "reading of switch_mm_irqs_off: another process of the host, or the same", grade = "assumed" },
    { "stack", run = 90, code = 384, data = 256,
      source = "reading of __switch_to_asm and __switch_to: registers, segment bases, current task, per-CPU stack", grade = "assumed" },
    { "finish", run = 140, code = 768, data = 192,
      source = "reading of finish_task_switch: lock released, preemption notifiers, what the thread before left to do", grade = "assumed" },
    { "load", run = 320, code = 1792, data = 512,
      source = "reading of kvm_sched_in: kvm_arch_vcpu_load, vmx_vcpu_load with the host's GDT, TSS and stack, TSC offset, record_steal_time", grade = "assumed" },
  },
  -- a piece of work of a thread of the host's kernel
  worker = {
    { "item", run = 2400, code = 6144, data = 3072,
      source = "order of vhost-net's handle_tx for one packet without its copy: descriptor, address, sendmsg through a tap, completion", grade = "assumed" },
  },
  -- the host's driver of an adapter's physical function and the stack above it, frame by frame: as a guest's own
  host_receive = {
    offset = 0xde0000,
    { "stack", run = 700, code = 3072,
      source = "as kernels/linux.lua's receive: order of a kernel UDP receive path per packet without copies", grade = "assumed" },
  },
  -- drivers/net/ethernet/intel/ixgbe/ixgbe_sriov.c: a request of a virtual function, beside the registers that it takes
  host_mailbox = {
    offset = 0xdf0000,
    { "request", run = 400, code = 2048,
      source = "reading of ixgbe_rcv_msg_from_vf and what it calls: a message of 16 words copied twice, its kind's checks, lists of filters", grade = "assumed" },
  },
  -- drivers/net/ethernet/intel/i40e/i40e_virtchnl_pf.c: a message over the admin queue, beside its registers
  host_virtchnl = {
    offset = 0xd60000,
    { "message", run = 600, code = 3072,
      source = "reading of i40e_clean_adminq_subtask, i40e_clean_arq_element, i40e_vc_process_vf_msg with its check of lengths, one handler and i40e_asq_send_command with the answer", grade = "assumed" },
  },
  -- nic.path = host: drivers/net/ethernet/intel/ixgbe/ixgbe_main.c, net/bridge, drivers/net/tap.c, drivers/vhost/net.c;
  -- copies are the machine's own, descriptor by descriptor and line by line
  host_poll = {
    offset = 0xd20000,
    { "frame", run = 350, code = 2048,
      source = "reading of ixgbe_clean_rx_irq, build_skb, eth_type_trans, napi_gro_receive and __netif_receive_skb_core up to its handler, a frame: half of host_receive.stack, the other half is IP and UDP", grade = "assumed" },
  },
  host_bridge = {
    offset = 0xd30000,
    { "forward", run = 330, code = 3072,
      source = "reading of br_handle_frame, br_handle_frame_finish, br_fdb_update, br_fdb_find_rcu, br_forward and __dev_queue_xmit to the port", grade = "assumed" },
  },
  host_put = {
    offset = 0xdb0000,
    { "ring", run = 420, code = 3072,
      source = "reading of tap_handle_frame, its ptr_ring, handle_rx, vhost_get_vq_desc, tap_recvmsg and vhost_add_used_n, without the copy", grade = "assumed" },
  },
  host_signal = {
    offset = 0xdc0000,
    { "event", run = 300, code = 2048,
      source = "reading of vhost_signal, eventfd_signal, irqfd_wakeup and kvm_arch_set_irq_inatomic up to the processor's own message", grade = "assumed" },
  },
  host_get = {
    offset = 0xdd0000,
    { "frame", run = 750, code = 4096,
      source = "reading of handle_tx_copy, vhost_get_vq_desc, tap_sendmsg with its skb, __dev_queue_xmit and ixgbe_xmit_frame, without the copy", grade = "assumed" },
  },
  host_send = {
    offset = 0xff0000,
    { "stack", run = 700, code = 3072,
      source = "as kernels/linux.lua's transmit: order of a kernel UDP send path per packet without copies", grade = "assumed" },
  },
}

program.exception = exit {
  read = "intr_info syndrome",
  { "handle", run = 300, code = 1024, data = 256, source = "reading of handle_exception_nmi", grade = "assumed" },
  { "device", call = "emulate", when = "device" },
}
program.interrupt = exit {
  read = "intr_info",
  { "handle", run = 900, code = 4096, data = 1024, source = "host interrupt entry, handler, accounting and exit of a timer tick", grade = "assumed" },
}
program.interrupt_window = exit {
  write = "controls=closed",
  { "handle", run = 120, code = 512, data = 128, source = "reading of handle_interrupt_window", grade = "assumed" },
}
program.nmi_window = exit {
  write = "controls=nmi_closed",
  { "handle", run = 60, code = 256, data = 64, source = "reading of handle_nmi_window: a bit of the controls cleared, counted, a request made", grade = "assumed" },
}
program.cpu_id = exit {
  read = skip, write = "pc=next",
  { "search", run = 250, code = 1024, data = 384, source = "reading of kvm_find_cpuid_entry2: a linear search of the vCPU's entries, about twenty", grade = "assumed" },
  { "emulate", run = 70, code = 512, data = 128, source = "reading of kvm_emulate_cpuid: leaf and subleaf, four registers, the instruction stepped over", grade = "assumed" },
}
program.halt = exit {
  read = skip, write = "pc=next", wait = "event",
  { "emulate", run = 350, code = 1536, data = 512, source = "reading of kvm_emulate_halt and vcpu_block up to its loop; sleeping is the program block", grade = "assumed" },
}
-- emulate_on_interception: without SVM's decode assists the instruction is fetched and decoded
program.invalidate = exit {
  read = "syndrome " .. skip, write = "pc=next",
  { "decode", call = "mmio.decode", when = "not decoded" },
  { "emulate", run = 400, code = 1536, data = 512, source = "reading of handle_invlpg and kvm_mmu_invlpg", grade = "assumed" },
}
program.timestamp = exit {
  read = skip, write = "pc=next",
  { "emulate", run = 180, code = 768, data = 192, source = "reading of the emulation of RDTSC: scaled host counter", grade = "assumed" },
}
program.hypercall = exit {
  read = skip, write = "pc=next",
  { "handle", run = 160, code = 1024, data = 256, source = "1X064: round trip of a VMCALL under KVM less hardware transition and common path", grade = "derived" },
}
program.control_register = exit {
  read = "syndrome " .. skip, write = "pc=next",
  { "decode", call = "mmio.decode", when = "not decoded" },
  { "emulate", run = 350, code = 1536, data = 384, source = "reading of handle_cr", grade = "assumed" },
}
program.pio = exit {
  read = "syndrome code_segment " .. skip, write = "pc=next", user = true,
  { "decode", run = 130, code = 768, data = 192, source = "reading of handle_io and kvm_fast_pio: port, size and direction of the qualification", grade = "assumed" },
  { "bus", run = 270, code = 1152, data = 320, source = "reading of emulator_pio_in_out and kvm_io_bus_read: a search of the devices on the bus, and the device or the page shared with user space", grade = "assumed" },
  { "signal", run = 250, code = 1152, like = "bus", when = "eventfd", source = signal, grade = "assumed" },
  complete = { { "complete", run = 300, code = 1152, data = 256, source = "reading of complete_fast_pio_in: the register, the instruction stepped over", grade = "assumed" } },
}
program["msr.read"] = exit {
  read = skip, write = "pc=next",
  { "emulate", run = 260, code = 1536, data = 384, source = "reading of kvm_emulate_rdmsr", grade = "assumed" },
}
-- A deadline of the local APIC's timer that the VMX-preemption timer keeps is set in vmx_exit_handlers_fastpath, and
-- the guest entered again.
program["msr.write"] = exit {
  fast = true, read = skip, write = "pc=next",
  { "emulate", run = 320, code = 1536, data = 384, when = "not fast", source = "reading of kvm_emulate_wrmsr", grade = "assumed" },
  { "deadline", run = 260, code = 1536, like = "emulate", when = "fast", source = "reading of handle_fastpath_set_tscdeadline, kvm_set_lapic_tscdeadline_msr, start_hv_timer and vmx_set_hv_timer", grade = "assumed" },
}
program.pause = exit {
  read = skip, write = "pc=next",
  { "grow", state = "spin=grown" }, -- grow_ple_window
  { "yield", run = 200, code = 1024, data = 256, source = "reading of handle_pause and kvm_vcpu_on_spin: directed yield that finds nobody", grade = "assumed" },
}
-- An end of interrupt is KVM's fasteoi, which steps over the instruction without looking at it.
program.apic_access = exit {
  { "read_eoi", state = "syndrome " .. skip, when = "fast" },
  { "read", state = "syndrome " .. emulation, when = "not fast" },
  { "emulate", run = 1600, code = 6144, data = 1024, when = "not fast", source = "reading of handle_apic_access: the instruction is emulated", grade = "assumed" },
  { "eoi", run = 350, code = 1536, like = "emulate", when = "fast", source = "reading of handle_apic_access with fasteoi and kvm_lapic_set_eoi", grade = "assumed" },
  last = {
    { "write_eoi", state = "pc=next", when = "fast" },
    { "write", state = "pc=next flags=keep", when = "not fast" } },
}
program.apic_eoi = exit {
  read = "syndrome",
  { "handle", run = 350, code = 1536, data = 384, source = "reading of kvm_apic_set_eoi_accelerated", grade = "assumed" },
}
program.apic_write = exit {
  read = "syndrome",
  { "handle", run = 400, code = 1536, data = 384, source = "reading of kvm_apic_write_nodecode", grade = "assumed" },
}
-- kvm_mmu_do_page_fault; a right that is given back is fast_page_fault (the program fast_fault)
program.stage2_fault = exit {
  read = "syndrome fault_gpa",
  { "memslot", run = 350, code = 1536, data = 384, when = "not fast", source = "reading of handle_ept_violation, kvm_mmu_page_fault, kvm_vcpu_gfn_to_memslot", grade = "assumed" },
  { "host_page", run = 1100, code = 3840, data = 896, when = "not fast", source = "reading of kvm_faultin_pfn: get_user_pages, a fault of the host's own, a page of its allocator", grade = "assumed" },
  { "lock", run = 150, code = 512, data = 128, when = "not fast", source = "reading of direct_page_fault: mmu_lock, is_page_fault_stale", grade = "assumed" },
  { "entry", run = 600, code = 2304, data = 640, when = "not fast", source = "reading of kvm_tdp_mmu_map: the levels walked, a table allocated now and then, the entry set", grade = "assumed" },
  { "device", call = "emulate", when = "device" },
  { "back", call = "back", when = "missing" },
  { "shadow", call = "nested_fill", when = "nested_missing" },
}
-- A write to a wildcard ioeventfd is done before its instruction would be decoded: handle_ept_misconfig, KVM_FAST_MMIO_BUS.
program.mmio = exit {
  user = true,
  { "read", state = "fault_gpa " .. emulation, when = "not fast" },
  { "read_fast", state = "fault_gpa " .. skip, when = "fast" },
  { "decode", run = 1300, code = 5120, data = 640, when = "not fast", source = "reading of x86_decode_instruction, with the fetch of the instruction through the guest's tables", grade = "assumed" },
  { "emulate", run = 600, code = 2560, data = 384, when = "not fast", source = "reading of x86_emulate_instruction and emulator_read_write", grade = "assumed" },
  { "bus", run = 300, code = 1280, data = 256, source = "reading of vcpu_mmio_read and kvm_io_bus_read: a search of the devices on the bus", grade = "assumed" },
  { "signal", run = 250, code = 1280, like = "bus", when = "eventfd", source = signal, grade = "assumed" },
  complete = { { "complete", run = 400, code = 1280, data = 256, when = "not fast", source = "reading of complete_emulated_mmio", grade = "assumed" } },
  last = {
    { "write_fast", state = "pc=next", when = "fast" },
    { "write", state = "pc=next flags=keep", when = "not fast" } },
}
program.priority = exit {
  { "handle", run = 60, code = 256, data = 64, source = "reading of handle_tpr_below_threshold: a request is made, which the way out serves", grade = "assumed" },
}
-- With APICv the exit ends in vmx_exit_handlers_fastpath (EXIT_FASTPATH_REENTER_GUEST); without it apic_timer_expired
-- makes a request, which needs the whole way out.
program.timer = exit {
  fast = true,
  { "handle", run = 300, code = 1536, data = 384, source = "reading of handle_preemption_timer and kvm_lapic_expired_hv_timer: expired timer, vector raised", grade = "assumed" },
}
program.undefined = exit {
  write = "entry_intr=undefined",
  { "handle", run = 60, code = 256, data = 64, source = "reading of handle_vmx_instruction and kvm_handle_invalid_op: kvm_queue_exception", grade = "assumed" },
}
program.debug_register = exit {
  read = "syndrome", write = "controls=keep",
  { "handle", run = 110, code = 512, data = 192, source = "reading of handle_dr: exiting switched off until the next exit, the instruction executed again with the guest's registers loaded", grade = "assumed" },
}
program.counter = exit {
  read = skip, write = "pc=next",
  { "emulate", run = 300, code = 1536, data = 384, source = "reading of kvm_emulate_rdpmc and kvm_pmu_rdpmc: the counter found, its event read", grade = "assumed" },
}
program.caches = exit {
  read = skip, write = "pc=next",
  { "emulate", run = 60, code = 256, data = 64, source = "reading of kvm_emulate_wbinvd without non-coherent devices, and kvm_emulate_invd: nothing is done", grade = "assumed" },
}
program.monitor = exit {
  read = skip, write = "pc=next",
  { "emulate", run = 50, code = 256, data = 64, source = "reading of kvm_emulate_monitor_mwait: as a NOP", grade = "assumed" },
}
program.descriptor_table = exit {
  read = emulation, write = "pc=next flags=keep",
  { "decode", call = "mmio.decode" },
  { "emulate", run = 500, code = 2048, data = 256, source = "reading of handle_desc, x86_emulate_instruction and em_lgdt", grade = "assumed" },
}
program.xsetbv = exit {
  read = skip, write = "pc=next",
  { "emulate", run = 200, code = 1024, data = 256, source = "reading of kvm_emulate_xsetbv and __kvm_set_xcr: the value checked, CPUID entries brought up to date", grade = "assumed" },
}
program.supervisor_state = exit {
  read = skip, write = "pc=next",
  { "emulate", run = 40, code = 256, data = 64, source = "reading of handle_xsaves and handle_xrstors, which only step over the instruction", grade = "assumed" },
}
program.nmi = exit {
  read = "intr_info",
  { "handle", run = 1500, code = 6144, data = 1024, source = "reading of vmx_do_nmi_irqoff, exc_nmi and perf_event_nmi_handler: a counter's overflow handled", grade = "assumed" },
}
program.shutdown = exit {
  { "handle", run = 30, code = 128, data = 64, source = "reading of handle_triple_fault: KVM_EXIT_SHUTDOWN", grade = "assumed" },
}
program.bus_lock = exit {
  { "handle", run = 40, code = 128, data = 64, source = "reading of handle_bus_lock_vmexit: KVM_RUN_X86_BUS_LOCK", grade = "assumed" },
}
program.log_full = exit {
  { "handle", run = 120, code = 512, data = 128, source = "reading of handle_pml_full: the log was read when the guest was left (host.dirty_log.entry), nothing is left to do", grade = "assumed" },
}
-- A hypervisor in the guest, L1, whose guest is L2: arch/x86/kvm/vmx/nested.c of Linux 5.8. Instructions are three or
-- four for each field that moves, and what stands around them.
local vmx_instruction = "operands syndrome cr0 code_segment" -- nested_vmx_check_permission, vmx_get_exit_qual
program["state.read"] = exit {
  read = vmx_instruction .. " flags length pc interruptibility", write = "flags=keep pc=next",
  { "emulate", run = 190, code = 1536, data = 384, source = "reading of handle_vmread: permission, the field's offset of a table, its value in a register, nested_vmx_succeed", grade = "assumed" },
}
program["state.write"] = exit {
  read = vmx_instruction .. " flags length pc interruptibility", write = "flags=keep pc=next",
  { "emulate", run = 200, code = 1664, data = 384, source = "reading of handle_vmwrite: as handle_vmread, read-only fields, access rights cut, VMCS12 dirty", grade = "assumed" },
}
-- nested EPT: arch/x86/kvm/mmu/paging_tmpl.h. What L1 has mapped gets its entry in the tables of VMCS02.
program.nested_fill = {
  offset = 0xe60000,
  { "walk", run = 240, code = 2048, source = "reading of FNAME(walk_addr_generic) for EPT: about sixty instructions a level", grade = "assumed" },
  { "fetch", run = 420, code = 3072, source = "reading of FNAME(fetch) and kvm_mmu_get_shadow_page: the levels of the shadow gone through, tables looked up, the entry set", grade = "assumed" },
  { "map", action = "map" },
}
-- in every exit of L2: nested_vmx_reflect_vmexit
program.nested_decide = {
  offset = 0xe50000,
  { "information", state = { "intr_info", "syndrome" } },
  { "controls", action = "nested_decide" },
  { "owner", run = 150, code = 1536, source = "reading of nested_vmx_reflect_vmexit, nested_vmx_l0_wants_exit and nested_vmx_l1_wants_exit: two switches of the reason, the control asked", grade = "assumed" },
}
-- nested_vmx_run: of the instruction that enters, nothing is stepped over
program["nested.entry"] = exit {
  read = "cr0 code_segment interruptibility",
  { "permission", run = 90, code = 512, data = 192, source = "reading of nested_vmx_run and nested_vmx_check_permission up to the checks", grade = "assumed" },
  { "shadow", run = 170, code = 768, data = 128, when = "nested_shadow", source = "reading of copy_shadow_to_vmcs12 without its VMREADs: a loop over the table of shadowed fields, each stored by its width", grade = "assumed" },
  { "collect", action = "nested_collect", when = "nested_shadow" },
  { "check", run = 620, code = 4096, data = 256, source = "reading of nested_vmx_check_controls, nested_vmx_check_host_state and nested_vmx_check_guest_state: about five instructions a rule", grade = "assumed" },
  { "rules", action = "nested_check" },
  { "switch", run = 260, code = 1024, data = 512, source = "reading of nested_vmx_enter_non_root_mode and vmx_switch_vmcs without its VMPTRLD: pending interrupts looked at, host state of the VMCS compared", grade = "assumed" },
  { "merge", action = "nested_merge" },
  { "timer_on", run = 260, code = 1280, data = 256, when = "nested_timer", source = "reading of vmx_start_preemption_timer and hrtimer_start: nanoseconds of the TSC's cycles, the base's lock, the queue; the first of its queue programs the host's timer", grade = "assumed" },
  { "prepare", run = 480, code = 4096, data = 512, source = "reading of prepare_vmcs02_early and prepare_vmcs02 without their VMWRITEs: controls joined and compared, CR0, CR4 and EFER set, the root of the second dimension chosen", grade = "assumed" },
}
-- nested_vmx_vmexit, behind the decision
program["nested.exit"] = {
  { "path_in", call = "path_in", when = "not nested_woken" },
  { "interrupt", call = "interrupt.handle", when = "nested_interrupt" },
  { "walk", action = "work" },
  { "events", run = 90, code = 640, data = 128, when = "nested_event", source = "reading of kvm_check_nested_events and vmx_check_nested_events: pending exceptions, NMIs, the preemption timer, kvm_cpu_has_interrupt, kvm_cpu_get_interrupt", grade = "assumed" },
  { "timer_off", run = 110, code = 512, data = 128, when = "nested_timer", source = "reading of hrtimer_cancel in nested_vmx_vmexit: the base's lock, the queue, whether its handler runs", grade = "assumed" },
  { "vmexit", run = 210, code = 1024, data = 384, source = "reading of nested_vmx_vmexit and leave_guest_mode", grade = "assumed" },
  { "save", action = "nested_save" },
  { "sync", run = 190, code = 1536, data = 256, source = "reading of sync_vmcs02_to_vmcs12 and prepare_vmcs12 without their VMREADs", grade = "assumed" },
  { "switch", run = 160, code = 768, data = 512, source = "reading of vmx_switch_vmcs without its VMPTRLD", grade = "assumed" },
  { "host_state", action = "nested_leave" },
  { "load", run = 640, code = 3072, data = 384, source = "reading of load_vmcs12_host_state without its VMWRITEs: CR0, CR4 and EFER set, seven segments made, the root of the second dimension chosen", grade = "assumed" },
  { "shadow", run = 230, code = 768, data = 128, when = "nested_shadow", source = "reading of copy_vmcs12_to_shadow without its VMWRITEs, by vmx_prepare_switch_to_guest: two tables of shadowed fields", grade = "assumed" },
  { "publish", action = "nested_publish", when = "nested_shadow" },
  { "path_out", call = "path_out" },
}

-- an INIT of another vCPU, and the start-up IPI behind it: arch/x86/kvm/lapic.c, kvm_apic_accept_events
program.vcpu_reset = {
  offset = 0xe80000,
  { "reset", run = 1900, code = 6144, source = "reading of kvm_lapic_reset, kvm_vcpu_reset with init_event and vmx_vcpu_reset, with about fifty VMWRITEs of segments, descriptor tables, control registers and RIP counted as seven instructions each", grade = "assumed" },
}
program.vcpu_start = {
  offset = 0xe90000,
  { "vector", run = 160, code = 768, source = "reading of kvm_apic_accept_events and kvm_vcpu_deliver_sipi_vector: CS read, changed and written, RIP", grade = "assumed" },
}

-- the thread of a vCPU that halts: put to sleep, and woken
program.block = { { "schedule_out", cycles = 1500, source = "scheduling out to idle: two context switches' worth of kernel work", grade = "assumed" } }
program.wake = { { "schedule_in", cycles = 3500, source = "wake-up IPI, idle exit and scheduling in", grade = "assumed" } }
-- another processor is made to leave its guest
program.kick = { { "interrupt", send = "kick" } }
program.flush_target = { { "enqueue", run = 150, source = "reading of KVM's kvm_hv_flush_tlb, hv_tlb_flush_enqueue and kvm_make_vcpus_request_mask", grade = "assumed" } }
program.flush_request = { { "request", run = 60, source = "reading of KVM's kvm_make_vcpu_request and kvm_make_all_cpus_request: request bit, mode looked at, core into the mask", grade = "assumed" } }
-- a page that is there and lacks a right; rights that somebody outside takes
program.fast_fault = {
  offset = 0xe00000,
  { "fix", run = 450, code = 2048, source = "reading of KVM's fast_page_fault: walk of the entries without a lock, exchange, mark_page_dirty", grade = "assumed" },
}
program.protect = {
  offset = 0xe40000,
  { "page", run = 60, code = 2048, source = "reading of kvm_tdp_mmu_clear_dirty_pt_masked: step of the iterator, exchange of the entry, accounting", grade = "assumed" },
}
-- a machine with one vCPU is made: virt/kvm/kvm_main.c, arch/x86/kvm/x86.c, vmx/vmx.c
program.vm_create = {
  offset = 0xe30000,
  { "vm", run = 42000, code = 8192, source = "reading of kvm_create_vm, kvm_arch_init_vm, kvm_mmu_init_vm and kvm_create_vm_debugfs: structures allocated and linked, SRCU set up, without the grace periods of others; no count was at hand", grade = "assumed" },
  { "vcpu", run = 26000, like = "vm", source = "reading of kvm_vm_ioctl_create_vcpu, kvm_arch_vcpu_create, vmx_vcpu_create and kvm_create_lapic; no count was at hand", grade = "assumed" },
  { "first_run", run = 3500, like = "vm", source = "reading of kvm_arch_vcpu_ioctl_run, vcpu_load, kvm_mmu_load and init_vmcs without its VMWRITEs; no count was at hand", grade = "assumed" },
}
-- and it is over: virt/kvm/kvm_main.c, arch/x86/kvm/mmu/tdp_mmu.c
program.vcpu_destroy = {
  offset = 0xea0000,
  { "leave", run = 2600, code = 6144, source = "reading of vcpu_put, kvm_arch_vcpu_ioctl_run's end with a signal, the way out of KVM_RUN and into do_exit; no count was at hand", grade = "assumed" },
  { "vcpu", run = 9000, like = "leave", source = "reading of kvm_vcpu_release, kvm_arch_vcpu_destroy and vmx_vcpu_free: PML and VMCS freed, caches of the MMU emptied; no count was at hand", grade = "assumed" },
}
program.vm_destroy = {
  offset = 0xeb0000,
  { "vm", run = 30000, code = 8192, source = "reading of kvm_destroy_vm and kvm_arch_destroy_vm: off the list, MMU notifier, buses, memory slots, without the grace periods of others; no count was at hand", grade = "assumed" },
}
program.vm_free_table = {
  offset = 0xec0000,
  { "entries", run = 3700, code = 1536, source = "reading of handle_removed_pt: a loop of 512 entries, seven instructions each where nothing is there, and the table freed", grade = "assumed" },
}
program.vm_free_page = {
  offset = 0xed0000,
  { "page", run = 260, code = 2048, source = "reading of handle_changed_spte, kvm_set_pfn_dirty and kvm_set_pfn_accessed, then of the process's end: zap_pte_range and free_unref_page", grade = "assumed" },
}
-- a function is given to a machine, and taken back: drivers/vfio/, drivers/iommu/, Linux 6.1
program.vfio_open = {
  offset = 0xee0000,
  { "group", run = 9000, code = 8192, source = "an estimate for vfio_group_fops_open, vfio_container_attach_group and vfio_iommu_type1_attach_group: group and container opened, a domain allocated, its capabilities asked for; no count was at hand", grade = "assumed" },
  { "attach", run = 6000, like = "group", source = "an estimate for intel_iommu_attach_device and domain_context_mapping: context entry, its cache flushed; no count was at hand", grade = "assumed" },
  { "device", run = 26000, like = "group", source = "an estimate for vfio_pci_core_enable without the wait of its reset: power state, state saved, capabilities copied into the virtual configuration space; no count was at hand", grade = "assumed" },
}
program.vfio_close = {
  offset = 0xef0000,
  { "device", run = 21000, code = 8192, source = "an estimate for vfio_pci_core_disable without the wait of its reset: bus mastering off, interrupts freed, regions unmapped, state restored; no count was at hand", grade = "assumed" },
  { "group", run = 7000, like = "device", source = "an estimate for vfio_iommu_type1_detach_group and iommu_detach_group; no count was at hand", grade = "assumed" },
}
program.vfio_fault = {
  offset = 0xf30000,
  { "fault", run = 1150, code = 6144, source = "an estimate for faultin_page, handle_mm_fault and do_anonymous_page without clearing: the walk, a page allocated and charged to its group, its entry, the way back to __get_user_pages", grade = "assumed" },
  { "back", call = "back" },
}
program.vfio_batch = {
  offset = 0xf40000,
  { "ask", run = 380, code = 2048, source = "an estimate for vaddr_get_pfns and pin_user_pages_remote: the lock of the address space, the area found, a batch of 512 pages", grade = "assumed" },
}
program.vfio_walk = {
  offset = 0xf50000,
  { "walk", run = 190, code = 3072, source = "an estimate for follow_page_mask down to its leaf, and try_grab_folio", grade = "assumed" },
}
program.vfio_page = {
  offset = 0xf60000,
  { "look", run = 34, code = 768, source = "an estimate for one round of __get_user_pages's loop over a page's pieces and of one of vfio_pin_pages_remote: page stored, is_invalid_reserved_pfn, whether it follows the one before", grade = "assumed" },
}
program.vfio_run = {
  offset = 0xf70000,
  { "map", run = 520, code = 3072, source = "an estimate for vfio_pin_map_dma's round: vfio_lock_acct, vfio_iommu_map, iommu_map up to intel_iommu_map_pages", grade = "assumed" },
}
program.vfio_entry = {
  offset = 0xf80000,
  { "store", run = 42, code = 1024, source = "an estimate for one round of __domain_mapping: whether a larger page fits, its table, the entry", grade = "assumed" },
}
program.vfio_lookup = {
  offset = 0xf90000,
  { "where", run = 75, code = 1024, source = "an estimate for vfio_unmap_unpin's loop and iommu_iova_to_phys: for each 4 KiB, whatever the size of the entry", grade = "assumed" },
}
program.vfio_clear = {
  offset = 0xfa0000,
  { "entry", run = 95, code = 2048, source = "an estimate for unmap_unpin_fast, iommu_unmap_fast and one round of dma_pte_clear_level", grade = "assumed" },
}
program.vfio_unpin = {
  offset = 0xfb0000,
  { "put", run = 48, code = 1024, source = "an estimate for vfio_unpin_pages_remote and put_pfn: unpin_user_pages_dirty_lock of one page", grade = "assumed" },
}
-- a guest's own IOMMU, of QEMU's: hw/i386/intel_iommu.c, hw/vfio/; in caching mode it is shadowed, nested an invalidation is handed on
program.viommu_submit = {
  offset = 0xfc0000,
  { "tail", run = 420, code = 6144, source = "an estimate for vtd_mem_write, vtd_handle_iqt_write and vtd_fetch_inv_desc of one write of the queue's tail; no count was at hand", grade = "assumed" },
}
program.viommu_descriptor = { { "process", run = 640, source = "an estimate for vtd_get_inv_desc's dma_memory_read, vtd_process_inv_desc and, by turns, vtd_iotlb_page_invalidate_notify with its reads of root and context entry or the write of a wait's status; no count was at hand", grade = "assumed" } }
program.viommu_entry = { { "walk", run = 260, source = "an estimate for one round of vtd_page_walk_level: vtd_get_pte's dma_memory_read, reserved bits, iova_tree_find of a leaf; no count was at hand", grade = "assumed" } }
program.viommu_ioctl = {
  offset = 0xfd0000,
  { "notify", run = 850, code = 6144, source = "an estimate for vtd_page_walk_one with its tree, memory_region_notify_iommu, vfio_iommu_map_notify with address_space_translate, and vfio_legacy_dma_map; no count was at hand", grade = "assumed" },
  { "enter", call = "user_space.enter_ioctl" },
  { "vfio", run = 700, like = "notify", source = "an estimate for vfio_iommu_type1_ioctl and vfio_dma_do_map or vfio_dma_do_unmap besides pages, or iommufd_hwpt_invalidate: the request copied, vfio_find_dma, a vfio_dma made and linked or unlinked and freed, accounting; no count was at hand", grade = "assumed" },
  { "leave", call = "user_space.leave_ioctl" },
}
-- a page that a device lacks: drivers/iommu/intel/prq.c, drivers/iommu/io-pgfault.c
program.page_request = {
  offset = 0xfe0000,
  { "serve", run = 2400, code = 6144, source = "an estimate for the event's interrupt, prq_event_thread, iommu_report_device_fault, the work item that finds the memory's area, iommu_page_response and qi_submit_sync, besides the fault and the entry; no count was at hand", grade = "assumed" },
}
-- the same of a guest's process, handed on: drivers/iommu/iommufd/eventq.c, QEMU's hw/i386/intel_iommu.c
program.viommu_fault = {
  offset = 0xd00000,
  { "notify", run = 900, code = 4096, source = "an estimate for iommufd_fault_iopf_handler with its list and eventfd_signal, the main loop's return from ppoll; no count was at hand", grade = "assumed" },
  { "enter", call = "user_space.enter_ioctl" },
  { "read", run = 500, like = "notify", source = "an estimate for iommufd_fault_fops_read: the group's faults copied, the response's number given out; no count was at hand", grade = "assumed" },
  { "leave", call = "user_space.leave_ioctl" },
  { "inject", run = 700, like = "notify", source = "an estimate for vtd_pri_request_page with its dma_memory_write, vtd_generate_page_request_event, and KVM_SIGNAL_MSI; no count was at hand", grade = "assumed" },
}
-- the dirty log
program.log_entry = {
  offset = 0xe10000,
  { "read", run = 30, code = 1024, source = "reading of KVM's vmx_flush_pml_buffer and mark_page_dirty_in_slot: an entry read, its memory slot found, a bit set", grade = "assumed" },
}
program.log_round = {
  offset = 0xe20000,
  { "begin", run = 2500, code = 6144, source = "reading of kvm_vm_ioctl_get_dirty_log: system call, memory slot, vCPUs kicked, bitmap copied to user space", grade = "assumed" },
}
program.log_word = { { "look", run = 6, source = "reading of kvm_get_dirty_log_protect: load, test, next", grade = "assumed" } }
program.log_page = { { "watch", run = 60, source = "reading of kvm_tdp_mmu_clear_dirty_pt_masked: step of the iterator, exchange of the entry, accounting", grade = "assumed" } }
program.log_split = { { "make", run = 5000, source = "reading of tdp_mmu_split_huge_page: a table allocated and its 512 entries made, about eight instructions each", grade = "assumed" } }
-- shadow paging: arch/x86/kvm/mmu/
program.shadow_fault = {
  offset = 0xf00000,
  { "handle", run = 700, code = 8192, source = "reading of KVM's FNAME(page_fault): caches topped up, error code checked, memory slot and host page looked up, lock", grade = "assumed" },
}
program.shadow_write = {
  offset = 0xf10000,
  { "emulate", run = 2600, code = 10240, source = "as hypervisor.mmio.emulate: decode and emulation of the instruction", grade = "assumed" },
}
program.shadow_sync = { offset = 0xf20000, { "compare", run = 14, code = 2048, source = "reading of FNAME(sync_spte): one round of the loop where nothing changed", grade = "assumed" } }
program.shadow_walk = { { "step", run = 60, source = "reading of FNAME(walk_addr_generic): one round of its loop", grade = "assumed" } }
program.shadow_page = { { "make", run = 450, source = "reading of kvm_mmu_get_shadow_page: hash lookup, allocation, list and write-tracking accounts", grade = "assumed" } }
program.shadow_entry = { { "set", run = 120, source = "reading of make_spte, mmu_set_spte and rmap_add", grade = "assumed" } }
program.shadow_zap = { { "clear", run = 70, source = "reading of mmu_page_zap_pte and rmap_remove", grade = "assumed" } }
program.shadow_root = { { "load", run = 300, source = "reading of kvm_mmu_new_pgd: search of the cached roots, requests", grade = "assumed" } }

return {
  text = "KVM with QEMU in user space",
  programs = { qemu = { "user_space.process" } },
  program = program,
  calibrated = "1X064",
  -- The pace is assumed, and the count follows from it: what was measured is how long they take together.
  groups = { common_path = {
    source = "1X064: round trip of a VMCALL on Skylake-SP less hardware transition, VMCS accesses and the handler", grade = "derived",
    with = { cpu = "skylake_sp" },
    "hypervisor.stub.leave.instructions", "hypervisor.path_in.exit.instructions", "hypervisor.path_in.dispatch.instructions",
    "hypervisor.path_out.pending.instructions", "hypervisor.path_out.prepare.instructions", "hypervisor.stub.enter.instructions", "cpu.ipc",
  } },
  paging = { mode = { "ept", "KVM's default where the processor has EPT", "documented" } },
  vmcs = { control = {
    virtual_interrupt_delivery = { true, "KVM: enable_apicv defaults to on", "documented" },
    apic_register_virtualization = { true, "KVM: enable_apicv defaults to on", "documented" },
    virtualize_x2apic = { true, "KVM: used for guests in x2APIC mode", "documented" },
    posted_interrupts = { true, "KVM: enable_apicv defaults to on", "documented" },
    preemption_timer = { true, "KVM: module parameter preemption_timer defaults to on where the processor has the timer and cpu_has_broken_vmx_preemption_timer does not name it", "documented" },
  } },
}
