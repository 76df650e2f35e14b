-- SPDX-License-Identifier: MIT
-- Linux as a guest's (or native) kernel, x86 and Arm: what it executes at a page fault, around its page tables, in
-- an interrupt, to drop translations that others hold, and in the driver of a virtual function. An exception's own
-- cost, its delivery and return, is the processor's (os.exception).
local program = {}

-- arch/x86/mm/fault.c, mm/memory.c: a minor fault of anonymous memory
program.page_fault = {
  offset = 0x0,
  { "handle", run = 900, code = 4096, data = 1536,
    source = "order of Linux's minor anonymous fault: lookup of the area, page allocation, table update, accounting", grade = "assumed" },
  { "frame", action = "give_frame" },
  { "entry", call = "table_edit" },
  { "zero", call = "zero_page" },
}
program.zero_page = {
  { "clear", clear = "page", taken = true, source = "POSIX: anonymous memory reads as zero", grade = "documented" },
}
-- one entry that gets another value; tables that were made for it are cleared and made known first
program.table_edit = {
  { "edit", run = 40, source = "reading of Linux set_pte_at, ptep_get_and_clear and the loop around them", grade = "assumed" },
  { "tables", call = "new_table", each = "tables" },
  { "store", store = "entry" },
}
program.new_table = {
  { "clear", clear = "table" },
  { "store", store = "entry" },
}
program.switch_space = { { "load", trap = "load_root" } }

-- flush_tlb_func and what asks for it comes after the end of interrupt, as in sysvec_call_function
program.interrupt = {
  offset = 0x10000,
  { "handle", run = 600, code = 2048, data = 512, source = "entry, handler dispatch, accounting, scheduling check", grade = "assumed" },
  { "end", trap = "end_of_interrupt" },
  { "flush", call = "flush_requested", when = "flush_requested" },
}
program.idle = { { "halt", trap = "halt" } }

-- guest.shootdown = ipi: arch/x86/mm/tlb.c, flush_tlb_multi; kernel/smp.c, smp_call_function_many_cond
program.flush_by_interrupt = { { "each", call = "flush_target", each = "targets" } }
program.flush_target = {
  { "mask", run = 100, source = "reading of Linux flush_tlb_multi and smp_call_function_many_cond: mask, request in the target's queue", grade = "assumed" },
  { "queue", action = "queue" },
  { "interrupt", trap = "interrupt_command" },
}
program.flush_requested = { { "each", call = "flush_one", each = "shots" } }
program.flush_one = {
  { "compare", run = 150, source = "reading of Linux flush_tlb_func: generations compared, loop of INVLPG, acknowledgement", grade = "assumed" },
  { "drop", trap = "invalidate" },
  { "acknowledge", action = "acknowledge" },
}
-- guest.shootdown = hypercall: arch/x86/hyperv/mmu.c, hyperv_flush_tlb_multi
program.flush_by_hypercall = {
  { "targets", action = "queue", each = "targets" },
  { "call", trap = "hypercall" },
}
-- guest.shootdown = broadcast is the instruction that Arm's kernels use for their own core too

-- the driver of a virtual function and the stack above it, packet by packet
program.transmit = {
  { "stack", run = 700, source = "order of a kernel UDP send path per packet without copies", grade = "assumed" },
  { "prepare", action = "prepare" },
  { "pieces", call = "transmit_piece", each = "pieces" },
}
program.transmit_piece = {
  { "payload", store = "buffer" },
  { "descriptor", store = "descriptor" },
}
program.receive = {
  { "stack", run = 700, source = "order of a kernel UDP receive path per packet without copies", grade = "assumed" },
  { "pieces", call = "receive_piece", each = "pieces" },
  { "take", action = "take" },
}
program.receive_piece = {
  { "descriptor", load = "descriptor" },
  { "payload", load = "buffer" },
}
program.poll_descriptor = { { "look", load = "descriptor" } }
program.refill_descriptor = { { "write", store = "descriptor" } }
program.doorbell = { { "tail", send = "doorbell" } }

return {
  text = "Linux",
  program = program,
}
