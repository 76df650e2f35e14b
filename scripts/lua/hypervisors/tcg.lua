-- SPDX-License-Identifier: MIT
-- QEMU without an accelerator: TCG. A process of the host that translates its guest; what is here are the paths of its
-- C code, everything else is knobs tcg.*. Lengths are readings of QEMU 9 (accel/tcg, target/i386, system), in x86-64
-- instructions: assumed, unless a measurement is named. A helper's own call and return are tcg.helper.
local function helper(t)
  local all = {}
  if t.read then all[#all + 1] = { "read", state = t.read } end
  for _, step in ipairs(t) do all[#all + 1] = step end
  all[#all + 1] = { "work", action = "work" }
  if t.device then all[#all + 1] = { "device", call = "device_access" } end
  all[#all + 1] = { "inject", call = "inject", when = "inject" }
  all[#all + 1] = { "more", call = "open_window", when = "more" }
  if t.write then all[#all + 1] = { "write", state = t.write } end
  if t.wait then all[#all + 1] = { "wait", wait = t.wait } end
  all.at = "user"
  return all
end

local function reads(what) return "reading of QEMU's " .. what end

local program = {
  -- from block to block
  dispatch = { at = "user",
    { "leave", run = 25, code = 192, data = 128, source = reads("epilogue of generated code, cpu_tb_exec"), grade = "assumed" },
    { "loop", run = 55, code = 512, data = 192, source = reads("cpu_exec_loop: cpu_handle_exception, cpu_handle_interrupt, cpu_get_tb_cpu_state"), grade = "assumed" },
    { "jump_cache", run = 20, code = 128, source = reads("tb_lookup: hash, comparison of PC, CS base and flags"), grade = "assumed" },
    { "enter", run = 15, code = 64, source = reads("cpu_loop_exec_tb and the prologue"), grade = "assumed" },
  },
  lookup = { at = "user",
    { "lookup", run = 55, code = 384, data = 128, source = reads("helper_lookup_tb_ptr: cpu_get_tb_cpu_state, tb_lookup in the jump cache, breakpoints"), grade = "assumed" },
  },
  find = { at = "user",
    { "find", run = 160, code = 1024, data = 192, source = reads("tb_htable_lookup: get_page_addr_code, tb_hash_func (xxhash), qht_lookup_custom with tb_lookup_cmp"), grade = "assumed" },
  },
  chain = { at = "user",
    { "chain", run = 70, code = 384, data = 128, source = reads("tb_add_jump: the jump lock, tb_set_jmp_target, list of incoming jumps"), grade = "assumed" },
  },
  translate = { at = "user",
    { "block", run = 2400, code = 12288, data = 4096,
      source = "QEMU's profiler in a qemu-devel thread on the firmware of ARM boards: 3014 cycles for a block of one instruction and 15.7 operations, at 192 an operation; what of it a block takes anyway, tb_gen_code, page locks, the end's operations, tb_link_page, is assumed to be half, at 1.6 instructions a cycle", grade = "assumed" },
  },
  translate_instruction = { at = "user",
    { "instruction", run = 2400, code = 8192, source = "the other half: decoding, about five operations, their optimization, liveness, registers and emission", grade = "assumed" },
  },
  -- the software TLB
  slow_path = { at = "user",
    { "slow_path", run = 75, code = 512, data = 128, source = reads("do_ld8_mmu: mmu_lookup1, victim_tlb_hit over eight entries; the call and the return from the block"), grade = "assumed" },
  },
  walk_entry = { at = "user",
    { "entry", run = 55, code = 1024, source = reads("mmu_translate: ptw_translate, which looks the entry's page up in a TLB of physical addresses, ptw_ldq, checks of rights and reserved bits"), grade = "assumed" },
  },
  fill = { at = "user",
    { "fill", run = 320, code = 3072, data = 384, source = reads("x86_cpu_tlb_fill, tlb_set_page_full: address_space_translate_for_iotlb, victim's eviction, entries written under the lock"), grade = "assumed" },
  },
  flush_table = { at = "user",
    { "flush", run = 90, code = 512, data = 128, source = reads("tlb_flush_one_mmuidx_locked and tlb_mmu_resize_locked, without the stores"), grade = "assumed" },
  },
  flush_page = { at = "user",
    { "flush", run = 240, code = 768, data = 192, source = reads("tlb_flush_page_by_mmuidx_async_0: each MMU index, its victims, two pages of the jump cache"), grade = "assumed" },
  },
  -- code that is overwritten, and a cache that is full
  code_write = { at = "user",
    { "write", run = 260, code = 1536, data = 256, source = reads("notdirty_write and tb_invalidate_phys_range_fast: page collection locked, blocks of the page gone through"), grade = "assumed" },
  },
  drop_block = { at = "user",
    { "drop", run = 230, code = 1024, data = 256, source = reads("tb_phys_invalidate__locked: hash table, page list, jump cache, incoming and outgoing jumps"), grade = "assumed" },
  },
  empty_cache = { at = "user",
    { "empty", run = 20000, code = 2048, data = 1024, source = "order of QEMU's do_tb_flush: every vCPU outside of its blocks, hash table reset, page tables of blocks freed, regions reset", grade = "assumed" },
  },
  raise = { at = "user",
    { "unwind", run = 260, code = 1536, data = 384, source = reads("cpu_loop_exit_restore: tcg_tb_lookup, cpu_unwind_data_from_tb over the search data, siglongjmp"), grade = "assumed" },
    { "deliver", run = 420, code = 3072, data = 512, source = reads("do_interrupt_all, do_interrupt64: the gate read, checks, frame pushed by the software TLB's slow functions"), grade = "assumed" },
  },
  -- interrupts
  inject = { at = "user",
    { "blocked", state = "interruptibility" },
    { "flags", state = "flags", when = "unblocked" },
    { "acknowledge", run = 180, code = 1024, data = 256, when = "interruptible", source = reads("x86_cpu_exec_interrupt: cpu_get_pic_interrupt, apic_get_interrupt, do_interrupt_x86_hardirq up to its delivery"), grade = "assumed" },
    { "event", state = "entry_intr=vector", when = "interruptible" },
    { "injected", action = "injected", when = "interruptible" },
    { "window", call = "open_window", when = "not interruptible" },
  },
  open_window = { { "window", action = "window" } },
  host_interrupt = { { "handle", call = "interrupt.handle" } },
  -- a device's register, in the same process
  device_access = { at = "user",
    { "lock", run = 80, code = 512, data = 256, source = reads("bql_lock and its unlock around int_ld_mmio_beN"), grade = "assumed" },
    { "dispatch", run = 260, code = 2048, data = 512, source = reads("memory_region_dispatch_read and access_with_adjusted_size; the section is in the TLB's entry"), grade = "assumed" },
    { "device", as = "qemu.user_space.process.device" },
  },
  emulate = { { "emulated", action = "emulated" }, { "device", call = "device_access" } },
  back_for_shadow = {
    { "fault", run = 900, code = 6144, data = 1024, source = "order of Linux's anonymous page fault of a process: exc_page_fault, handle_mm_fault, a page charged and mapped", grade = "assumed" },
    { "back", call = "back" },
  },
}

program.cpu_id = helper { { "emulate", run = 190, code = 1536, data = 512, source = reads("helper_cpuid and cpu_x86_cpuid: a switch by leaf"), grade = "assumed" } }
program.timestamp = helper { { "emulate", run = 60, code = 256, data = 64, source = reads("helper_rdtsc and cpus_get_elapsed_ticks"), grade = "assumed" } }
program.halt = helper { wait = "event", { "emulate", run = 220, code = 1024, data = 256, source = reads("helper_hlt: cpu_loop_exit, back to mttcg_cpu_thread_fn, qemu_wait_io_event"), grade = "assumed" } }
program.pause = helper { { "emulate", run = 120, code = 512, data = 128, source = reads("helper_pause: cpu_loop_exit with EXCP_INTERRUPT, the loop begun again"), grade = "assumed" } }
program.invalidate = helper { { "emulate", run = 25, code = 128, data = 64, source = reads("helper_flush_page, without the flush"), grade = "assumed" } }
program.control_register = helper { { "emulate", run = 60, code = 512, data = 128, source = reads("helper_write_crN and cpu_x86_update_cr3, without the flush"), grade = "assumed" } }
program.debug_register = helper { { "emulate", run = 45, code = 384, data = 64, source = reads("helper_set_dr and helper_get_dr"), grade = "assumed" } }
program["msr.read"] = helper { { "emulate", run = 60, code = 1024, data = 128, source = reads("helper_rdmsr: a switch by number"), grade = "assumed" } }
program["msr.write"] = helper { { "emulate", run = 150, code = 1536, data = 256, source = reads("helper_wrmsr, of an x2APIC register with apic_msr_write under the lock"), grade = "assumed" } }
program.counter = helper { { "emulate", run = 30, code = 128, data = 64, source = reads("helper_rdpmc, which raises an exception"), grade = "assumed" } }
program.caches = helper { { "emulate", run = 20, code = 64, data = 64, source = reads("gen_WBINVD: an intercept is looked for, nothing is written back"), grade = "assumed" } }
program.monitor = helper { { "emulate", run = 60, code = 256, data = 64, source = reads("helper_monitor and helper_mwait"), grade = "assumed" } }
program.descriptor_table = helper { { "emulate", run = 160, code = 1024, data = 256, source = reads("helper_lldt and helper_ltr: the descriptor loaded and checked"), grade = "assumed" } }
program.xsetbv = helper { { "emulate", run = 60, code = 384, data = 64, source = reads("helper_xsetbv, cpu_sync_bndcs_hflags"), grade = "assumed" } }
program.supervisor_state = helper { { "emulate", run = 40, code = 128, data = 64, source = "an instruction that the emulated processor does not have", grade = "assumed" } }
program.pio = helper { device = true, { "emulate", run = 70, code = 384, data = 64, source = reads("helper_inb and helper_outb, address_space_ldub of the ports"), grade = "assumed" } }
program.mmio = helper { device = true, { "slow_path", call = "slow_path" } }
program.hypercall = helper { { "raise", call = "raise" } }
program.undefined = helper { write = "entry_intr=undefined", { "emulate", run = 20, code = 64, data = 64, source = reads("gen_illegal_opcode: the exception's number"), grade = "assumed" } }
program.exception = helper { { "raise", call = "raise" } }
program.interrupt = helper {
  { "handle", run = 900, code = 4096, data = 1024, when = "not inject", source = "as KVM's: host interrupt entry, handler, accounting and exit of a timer tick", grade = "assumed" },
  { "notice", run = 70, code = 384, data = 128, when = "inject", source = reads("exit of a block that has found its flag set, cpu_handle_interrupt; who raised it has set the flag, and no processor is interrupted"), grade = "assumed" },
}
program.interrupt_window = helper { { "look", run = 45, code = 256, data = 64, source = reads("cpu_handle_interrupt"), grade = "assumed" } }
program.nmi = helper { { "handle", run = 1200, code = 4608, data = 896, source = "as KVM's: Linux's default_do_nmi", grade = "assumed" } }
program.shutdown = helper { { "handle", run = 300, code = 1024, data = 256, source = reads("qemu_system_reset_request after a triple fault"), grade = "assumed" } }

return {
  text = "QEMU without an accelerator: a translator (TCG)",
  programs = {
    kvm = { why = "scheduling and a new page of a process are Linux's, whoever asks", "block", "wake", "kick", "back", "back_around" },
    qemu = {},
  },
  program = program,
  hypervisor = {
    technique = { "tcg", "what the file describes", "documented" },
    halt_poll_ns = { 0, "a vCPU's thread waits for a condition variable", "documented" },
  },
  paging = { mode = { "softmmu", "QEMU docs/devel/tcg.rst: the MMU is emulated", "documented" } },
}
