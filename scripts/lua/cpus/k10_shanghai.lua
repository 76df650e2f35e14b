-- SPDX-License-Identifier: MIT
-- K10 server core: the first with nested paging, and with AMD's page walk cache, which holds entries
-- of page tables by physical address, of both dimensions; each of its 24 entries holds a line of eight
-- here. TLBs: CPUID of an Opteron 2347, a stepping of the same core.
local cpuid = "InstLatX64 AuthenticAMD0100F21_K10_Barcelona_CPUID (Opteron 2347)"
local dump = "InstLatX64 AuthenticAMD0100F42_K10_Shanghai_MemLatX64"
local lines = "Bhargava et al., ASPLOS 2008; Barr, Cox, Rixner, ISCA 2010: AMD's walker caches entries by physical address, not translations by level"
return {
  borrows = {
    skylake_sp = { why = "flushes of everything were measured on Skylake alone", "instruction.invpcid.all", "instruction.mov_cr.flush" },
    zen2_rome = { why = "no dump of this part is at hand: instructions of a later core, and its transition", "instruction", "svm.unexplained" },
    k8 = { why = "VMSAVE and VMLOAD were measured on it alone", "svm.instruction.vmload" },
    intel = { why = "no source at hand says at which level this walker's references enter", "memory.walker.entry" },
  },
  text = "AMD K10 core at the clock of an Opteron 2378",
  cpu = { affected = {
    spectre_v2 = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_whitelist: no NO_SPECTRE_V2; neither enhanced nor automatic IBRS", "documented" },
  }, vendor = { "amd", "Opteron 2378", "documented" }, clock = { mhz = { 2400, dump .. ": 2399.96 MHz", "measured" } },
    issue_width = { 3, "AMD 40546 (Family 10h optimization guide): three macro-operations decoded and dispatched a cycle", "documented" },
    load_queue = { 44, "AMD 40546, load-store unit: 12 entries that look up the L1, 32 that wait beyond it", "documented" },
    string_stores = { true, "AMD64 APM 2, 7.1.2: stores of a fast string operation may be seen out of order; Linux clear_page_rep", "documented" },
    ["string_stores.width"] = { 16, "AMD 40546, load-store unit: two stores of 64 bits a cycle", "documented" },
  },
  ept = {
    execute_only = { false, "AMD64 APM 2, 15.25.5: nested tables have the format of ordinary ones, which let read what may be executed", "documented" },
    accessed_dirty = { true, "AMD64 APM 2, 15.25.6: the processor sets accessed and dirty bits of nested tables", "documented" },
    physical_bits = { 48, cpuid .. ": leaf 80000008", "documented" },
    walkers = { 1, "no source names a second one before Zen", "assumed" },
    l1_dtlb = { shared = { true, "the same 48 entries for every size: " .. cpuid .. ", leaves 80000005 and 80000019", "documented" } },
    l1_dtlb_4k = { entries = { 48, cpuid .. ": leaf 80000005, EBX", "documented" }, ways = { 0, cpuid .. ": fully associative", "documented" }, latency = { 0, dump .. ", 1-64 KiB: an L1 hit takes 3 cycles with its translation, which runs beside it", "derived" } },
    l1_dtlb_2m = { entries = { 48, cpuid .. ": leaf 80000005, EAX", "documented" } },
    l1_dtlb_1g = { entries = { 48, cpuid .. ": leaf 80000019, EAX", "documented" } },
    l1_dtlb_store = { entries = { 0, cpuid .. ": one first-level table of data in leaf 80000005", "documented" } },
    l1_itlb = { shared = { false, cpuid .. ": leaf 80000005, a table for each size", "documented" } },
    l1_itlb_4k = { entries = { 32, cpuid .. ": leaf 80000005, EBX", "documented" }, ways = { 0, cpuid .. ": fully associative", "documented" }, latency = { 0, "as the table of data", "assumed" } },
    l1_itlb_2m = { entries = { 16, cpuid .. ": leaf 80000005, EAX", "documented" }, ways = { 0, cpuid .. ": fully associative", "documented" }, latency = { 0, "as the table of data", "assumed" } },
    l2_tlb = {
      entries = { 512, cpuid .. ": leaf 80000006, EBX", "documented" }, ways = { 4, cpuid .. ": leaf 80000006, EBX", "documented" },
      large_pages = { false, cpuid .. ": another table, of 128 entries, which is left out", "documented" },
      latency = { 4, dump .. ", random, 512 KiB: 20 cycles a page apart against 16 within pages", "derived" },
    },
    l2_tlb_1g = { entries = { 0, cpuid .. ": leaf 80000019, EBX", "documented" }, ways = { 0, "no table", "documented" } },
    l2_itlb = {
      entries = { 512, cpuid .. ": leaf 80000006, EBX", "documented" }, ways = { 4, cpuid .. ": leaf 80000006, EBX", "documented" },
      large_pages = { false, cpuid .. ": leaf 80000006, EAX[15:0] = 0", "documented" },
      latency = { 4, "as the table of data", "assumed" },
    },
    walk_lines = { entries = { 24, "4T034", "documented" } },
    nested_tlb = { entries = { 16, "Bhargava et al., ASPLOS 2008, describe a nested TLB beside the page walk cache; its size is a guess", "assumed" } },
    guest_pwc = {
      l4 = { entries = { 0, lines, "documented" } },
      l3 = { entries = { 0, lines, "documented" } },
      l2 = { entries = { 0, lines, "documented" } },
    },
    nested_pwc = {
      l4 = { entries = { 0, lines, "documented" } },
      l3 = { entries = { 0, lines, "documented" } },
      l2 = { entries = { 0, lines, "documented" } },
    },
  },
  svm = { cap = {
    decode_assists = { false, "Linux /proc/cpuinfo of family 10h Opterons: npt lbrv svm_lock nrip_save, no decodeassists", "documented" },
    vmcb_clean = { false, "the same: no vmcb_clean", "documented" },
    pause_filter = { false, "the same: no pausefilter, no pfthreshold", "documented" },
    vgif = { false, "the same: no vgif", "documented" },
    virtual_vmload = { false, "the same: no v_vmsave_vmload", "documented" },
  } },
  instruction = { cpuid = { 139, "C1031: leaf 1", "measured", of = "zen2_rome" }, ["cpuid.leaf_0"] = { 131, "C1031: leaf 0", "measured", of = "zen2_rome" }, rdtsc = { 37, "C1032", "measured", of = "zen2_rome" },
    pause = { 3, "no manual gives it: a hint that delays nothing on a core without threads that share it, a few cycles of decoding", "assumed" } },
}
