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
-- arch/x86/kernel/nmi.c: exc_nmi, default_do_nmi, the handlers of a local NMI. It returns by an IRET of its own.
program.nmi = {
  offset = 0x30000,
  { "handle", run = 700, code = 3072, data = 512,
    source = "reading of asm_exc_nmi's frames on the stack of NMIs, exc_nmi, default_do_nmi and nmi_handle: a list of about four handlers, none of which takes long", grade = "assumed" },
  { "return", trap = "nmi_return" },
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
-- net/core/skbuff.c skb_segment, net/ipv4/tcp_offload.c: a further segment of a stream, where the kernel cuts it
program.transmit_segment = {
  { "segment", run = 250, source = "order of Linux skb_segment and a driver's transmit per segment: headers copied and edited, fragments shared", grade = "assumed" },
  { "prepare", action = "prepare" },
  { "pieces", call = "transmit_piece", each = "pieces" },
}
program.transmit_piece = {
  { "payload", store = "buffer" },
  { "map", call = "dma_map", when = "unmapped" },
  { "descriptor", store = "descriptor" },
}
program.receive = {
  { "stack", run = 700, source = "order of a kernel UDP receive path per packet without copies", grade = "assumed" },
  { "pieces", call = "receive_piece", each = "pieces" },
  { "take", action = "take" },
}
program.receive_piece = {
  { "descriptor", load = "descriptor" },
  { "unmap", call = "dma_unmap", when = "unmaps" },
  { "payload", load = "buffer" },
}
-- drivers/net/ethernet/intel/ixgbevf: the end of a poll with adaptive moderation
program.moderate = {
  { "class", run = 60, source = "reading of Linux ixgbevf_set_itr, ixgbevf_update_itr: counts of both rings, two divisions, a class, smoothing", grade = "assumed" },
}
program.poll_descriptor = { { "look", load = "descriptor" } }
program.refill_descriptor = {
  { "map", call = "dma_map", when = "unmapped" },
  { "write", store = "descriptor" },
}
program.clean_descriptor = { { "unmap", call = "dma_unmap", when = "unmaps" } }
program.doorbell = { { "tail", send = "doorbell" } }

-- the DMA API of a kernel that drives its IOMMU: drivers/iommu/dma-iommu.c, iova.c, intel/iommu.c, intel/dmar.c
program.dma_map = {
  { "begin", action = "begin_map" },
  { "api", run = 110, code = 768, data = 128,
    source = "reading of Linux dma_map_page_attrs, iommu_dma_map_page, __iommu_dma_map: checks, domain and IOVA domain of the device, rights", grade = "assumed" },
  { "address", call = "take_address" },
  { "pages", call = "map_device_page", each = "device_pages" },
  { "sync", call = "flush_device", when = "caching" }, -- intel_iommu_iotlb_sync_map, __mapping_notify_one
  { "end", action = "end_mapping" },
}
program.take_address = {
  { "take", action = "take_address" },
  { "cache", run = 50, code = 256, data = 128,
    source = "reading of Linux alloc_iova_fast, iova_rcache_get: the processor's magazine of that size under its lock", grade = "assumed" },
  { "tree", run = 400, code = 768, data = 512, when = "fresh",
    source = "reading of Linux alloc_iova, __alloc_and_insert_iova_range: lock, search from the cached node down, insertion into the red-black tree", grade = "assumed" },
}
program.map_device_page = {
  { "edit", run = 90, code = 512, data = 64,
    source = "reading of Linux iommu_map, __domain_mapping, pfn_to_dma_pte: page size, walk of four levels, cmpxchg of the entry", grade = "assumed" },
  { "tables", call = "new_device_table", each = "device_tables" },
  { "store", store = "device_entry" },
}
program.new_device_table = {
  { "clear", clear = "device_table" },
  { "store", store = "device_entry" },
}
program.dma_unmap = {
  { "begin", action = "begin_unmap" },
  { "api", run = 110, code = 768, data = 128,
    source = "reading of Linux dma_unmap_page_attrs, iommu_dma_unmap_page, __iommu_dma_unmap, iommu_unmap_fast: the same lookups, the gathered range", grade = "assumed" },
  { "pages", call = "unmap_device_page", each = "device_pages" },
  { "flush", call = "flush_device", when = "strict" },
  { "free", call = "free_address", when = "strict" },
  { "defer", call = "defer_address", when = "not strict" },
  { "end", action = "end_mapping" },
}
program.unmap_device_page = {
  { "edit", run = 70, code = 512,
    source = "reading of Linux domain_unmap, dma_pte_clear_level: walk of four levels, the entry cleared", grade = "assumed" },
  { "store", store = "device_entry" },
}
program.free_address = {
  { "give", action = "free_address" },
  { "cache", run = 45, code = 256, data = 128,
    source = "reading of Linux free_iova_fast, iova_rcache_insert: into the processor's magazine under its lock", grade = "assumed" },
}
program.defer_address = {
  { "full", call = "flush_deferred", when = "queue_full" },
  { "queue", run = 80, code = 384, data = 128,
    source = "reading of Linux queue_iova: lock of the processor's ring, finished entries looked for, one entry stored, timer armed by the first", grade = "assumed" },
  { "defer", action = "defer" },
}
program.flush_deferred = {
  { "flush", call = "flush_device" },
  { "free", call = "free_deferred", each = "deferred" },
}
program.free_deferred = {
  { "cache", run = 55, code = 256, data = 64,
    source = "reading of Linux fq_ring_free_locked: the next entry, then as free_iova_fast", grade = "assumed" },
}
-- qi_submit_sync: interrupts stay off until the unit has written the status of the wait descriptor
program.flush_device = {
  { "begin", action = "begin_flush" },
  { "prepare", run = 60, code = 512, data = 64,
    source = "reading of Linux intel_iommu_tlb_sync, qi_flush_iotlb: domain id, size as a power of two, the descriptor", grade = "assumed" },
  { "lock", action = "lock_queue" },
  { "submit", run = 60, code = 512, data = 64,
    source = "reading of Linux qi_submit_sync: room in the ring, two descriptors copied, their states", grade = "assumed" },
  { "descriptors", call = "queue_descriptor", each = "descriptors" },
  { "tail", send = "invalidation_tail" },
  { "unlock", action = "unlock_queue" },
  { "wait", action = "await_invalidation" },
  { "reclaim", run = 30, source = "reading of Linux qi_submit_sync: status seen, reclaim_free_desc", grade = "assumed" },
  { "end", action = "end_flush" },
}
program.queue_descriptor = { { "store", store = "invalidation" } }

-- shared virtual addressing: drivers/iommu/iommu-sva.c, intel/svm.c, intel/pasid.c, intel/cache.c
program.user_bind = {
  { "bind", run = 1400, code = 4096, data = 1024,
    source = "reading of Linux iommu_sva_bind_device, iommu_alloc_mm_data, iommu_alloc_global_pasid, intel_svm_domain_alloc, mmu_notifier_register, iommu_attach_device_pasid, intel_svm_set_dev_pasid, cache_tag_assign_domain, intel_pasid_setup_first_level: four allocations, locks, a notifier", grade = "assumed" },
  { "entry", store = "device_entry" },
}
program.user_unbind = {
  { "unbind", run = 900, code = 3072, data = 768,
    source = "reading of Linux iommu_sva_unbind_device, iommu_detach_device_pasid, intel_iommu_remove_dev_pasid, intel_pasid_tear_down_entry, cache_tag_unassign_domain, mmu_notifier_put", grade = "assumed" },
  { "entry", store = "device_entry" },
}
-- the notifier of a process's unmappings: intel_arch_invalidate_secondary_tlbs, cache_tag_flush_range
program.user_changed = {
  { "notify", run = 180, code = 1024, data = 256,
    source = "reading of Linux __mmu_notifier_arch_invalidate_secondary_tlbs, intel_arch_invalidate_secondary_tlbs, cache_tag_flush_range, calculate_psi_aligned_address: the list of notifiers, that of tags under its lock, a descriptor each in a batch", grade = "assumed" },
}

-- pages that a bound process's device lacks: drivers/iommu/intel/prq.c, io-pgfault.c, iommu-sva.c
program.wanted_event = {
  { "interrupt", run = 700, code = 2048, data = 512,
    source = "as interrupt.handle, of a threaded handler: reading of Linux handle_edge_irq, irq_default_primary_handler, __irq_wake_thread, and the EOI's instruction; a guest has its interrupt by the program of that name", grade = "assumed" },
}
program.wanted_thread = {
  { "thread", run = 900, code = 3072, data = 1024,
    source = "an estimate for the switch to the interrupt's thread: try_to_wake_up, __schedule, context_switch, irq_thread; no count was at hand", grade = "assumed" },
}
program.wanted_request = {
  { "read", load = "device_entry" },
  { "report", run = 320, code = 1536, data = 384,
    source = "reading of Linux prq_event_thread, intel_prq_report, iommu_report_device_fault, iommu_handle_iopf: checks, the device by its number in a tree, an allocation, two locks, a list; queue_work by the last of a group", grade = "assumed" },
}
program.wanted_group = {
  { "worker", run = 1100, code = 3072, data = 1024,
    source = "an estimate for the switch to a worker of the unbound queue, process_one_work, iommu_sva_handle_iopf besides its faults, iopf_group_response, intel_iommu_page_response, iopf_free_group; no count was at hand", grade = "assumed" },
}
program.wanted_page = {
  { "find", run = 160, code = 768, data = 256,
    source = "reading of Linux iommu_sva_handle_mm: mmget_not_zero, mmap_read_lock, vma_lookup, rights of the area, unlock; the fault itself is page_fault", grade = "assumed" },
}
program.wanted_drain = {
  { "drain", run = 220, code = 1024, data = 256,
    source = "reading of Linux intel_iommu_drain_pasid_prq, iopf_queue_flush_dev: the queue looked through, flush_workqueue of an idle one, three descriptors", grade = "assumed" },
}

return {
  text = "Linux",
  program = program,
}
