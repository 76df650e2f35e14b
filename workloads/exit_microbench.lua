-- SPDX-License-Identifier: MIT
workload "One exit reason at a time in a tight loop, as kvm-unit-tests' vmexit measures: warm handler, no working set. Reasons the controls let the guest handle itself appear as guest work."

local order = { "cpuid", "vmcall", "hlt", "rdtsc", "rdmsr", "wrmsr", "io_in", "io_out", "mmio_read", "mmio_write", "cr3", "cr8",
  "invlpg", "pause", "ept_violation", "ipi", "mrs_id", "mrs_vm", "mrs", "msr_vm", "msr", "smc", "wfe" }
-- Instructions by their names, and the names of kvm-unit-tests' x86/vmexit.c and arm/micro-bench.c: not among all.
local instructions = { "ud2", "invd", "wbinvd", "rdpmc", "rdtscp", "mwait", "monitor", "rdrand", "rdseed", "sgdt", "sidt", "lgdt", "lidt", "sldt", "str",
  "lldt", "ltr", "clts", "xsetbv", "vmclear", "vmlaunch", "vmptrld", "vmptrst", "vmread", "vmresume", "vmwrite", "vmxoff", "vmxon",
  "invept", "invvpid", "vmrun", "vmload", "vmsave", "stgi", "clgi", "skinit", "rdpru", "vmfunc", "xsaves", "xrstors", "split_lock",
  "smsw", "popf", "pushf" }
local named = { "nmi", "mov_dr", "mov_from_dr", "mov_from_cr4", "mov_from_cr8", "mov_to_cr8", "inl_pmtimer", "inl_from_pmtimer", "inl_qemu", "inl_from_qemu", "inl_kernel", "inl_from_kernel",
  "outl_kernel", "outl_to_kernel", "self_ipi_sti_nop", "self_ipi_sti_hlt", "self_ipi_tpr", "self_ipi_tpr_sti_nop", "self_ipi_tpr_sti_hlt",
  "x2apic_self_ipi_sti_nop", "x2apic_self_ipi_sti_hlt", "x2apic_self_ipi_tpr", "x2apic_self_ipi_tpr_sti_nop", "x2apic_self_ipi_tpr_sti_hlt",
  "tscdeadline_immed", "tscdeadline", "wr_tsc_adjust_msr", "rd_tsc_adjust_msr", "wr_kernel_gs_base", "wr_ibrs_msr",
  "mmio_no_eventfd", "mmio_wildcard_eventfd", "mmio_datamatch_eventfd", "portio_no_eventfd", "portio_wildcard_eventfd", "portio_datamatch_eventfd",
  "hypercall", "hvc", "mmio_read_user", "mmio_read_vgic", "timer_10ms", "eoi", "simd", "cpu_suspend", "cli_sti" }
-- of two vCPUs or more; ipi with one sends it to itself
local several = { ipi_halt = true, ple_round_robin = true, ipi_hw = true }
for _, name in ipairs { "ipi_halt", "ple_round_robin", "ipi_hw", "lpi" } do named[#named + 1] = name end
-- other spellings of the same
local spelling = { ["ipi+halt"] = "ipi_halt", ["ple-round-robin"] = "ple_round_robin", ["pci-mem"] = "mmio_no_eventfd", ["pci-io"] = "portio_no_eventfd",
  pci_mem = "mmio_no_eventfd", pci_io = "portio_no_eventfd" }
for _, way in ipairs { "no", "wildcard", "datamatch" } do
  spelling["mmio-" .. way .. "-eventfd:pci-mem"] = "mmio_" .. way .. "_eventfd"
  spelling["portio-" .. way .. "-eventfd:pci-io"] = "portio_" .. way .. "_eventfd"
end
for other in pairs(spelling) do named[#named + 1] = other end

local reason = param { name = "reason", default = "all", choices = "all|" .. table.concat(order, "|") .. "|" .. table.concat(instructions, "|") .. "|" .. table.concat(named, "|"),
  text = "which event; all = those up to wfe in turn; the others are instructions of x86 by their names, and the tests of kvm-unit-tests' x86/vmexit and arm/micro-bench by theirs" }
reason = spelling[reason] or reason
local vcpus = param { name = "vcpus", default = 0, max = 64, unit = "vCPUs", text = "that do it at once; of ipi and its kin the second one is the target. 0 = as many as the reason needs, which is 1 or 2" }
if vcpus == 1 and several[reason] then
  error(("workload.reason=%s needs two vCPUs or more: workload.vcpus=%d"):format(reason, vcpus), 0)
end
if vcpus == 0 then vcpus = several[reason] and 2 or 1 end
if reason == "lpi" then
  error("workload.reason=lpi: the guest's ITS has no command queue here, from which micro-bench sends it: interrupts of devices are the workload interrupts", 0)
end
if reason == "ipi_hw" then defaults { ["gic.direct_injection"] = "v4_1" } end
param { name = "count", default = 500, min = 1, max = 10000000, unit = "events", text = "events of each reason that are measured" }
param { name = "warmup", default = 50, unit = "events", text = "events of each reason before the region of interest" }
param { name = "leaf", default = 0, unit = "number", text = "CPUID leaf" }
param { name = "rdmsr", default = 0x1b, unit = "number", text = "MSR that is read; 0x1b = IA32_APIC_BASE" }
param { name = "wrmsr", default = 0x3b, unit = "number", text = "MSR that is written; 0x3b = IA32_TSC_ADJUST" }
param { name = "mrs", default = "PMCR_EL0", choices = "PMCR_EL0|CNTVCT_EL0|CNTP_CTL_EL0|MIDR_EL1", text = "Arm's system register that mrs reads; mrs_id reads ID_AA64MMFR0_EL1, mrs_vm TTBR0_EL1" }
param { name = "msr", default = "PMCR_EL0", choices = "PMCR_EL0|CNTP_CTL_EL0|VBAR_EL1", text = "Arm's system register that msr writes; msr_vm writes SCTLR_EL1" }
param { name = "port", default = 0x80, max = 0xffff, unit = "number", text = "I/O port; 0x80 = the firmware's diagnostic codes, which user space emulates; 0x40 = channel 0 of the interval timer, which KVM does itself" }
param { name = "mmio", default = 0xfed00000, unit = "address", text = "device register nobody backs; 0xfed00000 = event timer" }
param { name = "operand", default = 7, unit = "number", text = "of instructions that have one: a field's encoding, XCR0, a function, components" }
param { name = "delay", default = 2000, min = 1, max = 10000000, unit = "cycles", text = "tscdeadline: how far ahead (kvm-unit-tests has a constant); eoi: instructions until the interrupt has come" }
param { name = "halt_ns", default = 1000, min = 1, unit = "ns", text = "how long each HLT lasts until its timer fires" }

local method = { cpuid = "cpuid", vmcall = "hypercall", hlt = "wait", rdtsc = "rdtsc", rdmsr = "rdmsr", wrmsr = "wrmsr",
  io_in = "inp", io_out = "outp", mmio_read = "mmio", mmio_write = "mmio", cr3 = "write_cr", cr8 = "write_cr", invlpg = "invlpg",
  pause = "pause", ept_violation = "store", ipi = "ipi",
  mrs_id = "mrs", mrs_vm = "mrs", mrs = "mrs", msr_vm = "msr", msr = "msr", smc = "smc", wfe = "wfe" }
local event = {}
function event.cpuid(cpu, p) cpu:cpuid(p.leaf) end
function event.vmcall(cpu) cpu:hypercall(0) end
function event.hlt(cpu, p) cpu:wait { ns = p.halt_ns } end
function event.rdtsc(cpu) cpu:rdtsc() end
function event.rdmsr(cpu, p) cpu:rdmsr(p.rdmsr) end
function event.wrmsr(cpu, p) cpu:wrmsr(p.wrmsr, 0) end
function event.io_in(cpu, p) cpu:inp(p.port, 1) end
function event.io_out(cpu, p) cpu:outp(p.port, 0, 1) end
function event.mmio_read(cpu, p) cpu:mmio(p.mmio, "load") end
function event.mmio_write(cpu, p) cpu:mmio(p.mmio, "store") end
function event.cr3(cpu) cpu:write_cr(3, 0) end
function event.cr8(cpu) cpu:write_cr(8, 0) end
function event.invlpg(cpu, p, page) cpu:invlpg(page) end
function event.pause(cpu) cpu:pause() end
function event.mrs_id(cpu) cpu:mrs("ID_AA64MMFR0_EL1") end
function event.mrs_vm(cpu) cpu:mrs("TTBR0_EL1") end
function event.mrs(cpu, p) cpu:mrs(p.mrs) end
function event.msr_vm(cpu) cpu:msr("SCTLR_EL1") end
function event.msr(cpu, p) cpu:msr(p.msr) end
function event.smc(cpu) cpu:smc(0) end
function event.wfe(cpu) cpu:wfe() end
function event.simd(cpu, p) cpu:mmio(p.mmio, "load") cpu:simd(1) end
function event.cpu_suspend(cpu, p) cpu:timer { ns = p.halt_ns } cpu:cpu_suspend() end
function event.ipi(cpu) cpu:ipi(cpu:index()) end
for _, name in ipairs(instructions) do event[name] = function(cpu, p) cpu:instruction(name, p.operand) end end
function event.nmi(cpu) cpu:host_nmi() end

-- kvm-unit-tests, x86/vmexit.c
local SELF = 0x40000 -- ICR: fixed, to itself
local VECTOR = 0xf0
local function icr(cpu) cpu:wrmsr(0x830, SELF | VECTOR) end
local function self_ipi(cpu) cpu:wrmsr(0x83f, VECTOR) end
local function sti_nop(cpu) cpu:sti() cpu:compute(1) end
local function sti_hlt(cpu) cpu:sti() cpu:hlt() end
function event.mov_dr(cpu) cpu:instruction("mov_to_dr", 7) cpu:compute(1) end
function event.mov_from_dr(cpu) cpu:instruction("mov_from_dr", 6) cpu:compute(1) end
function event.mov_from_cr4(cpu) cpu:instruction("mov_from_cr", 4) end
function event.mov_from_cr8(cpu) cpu:instruction("mov_from_cr", 8) end
function event.mov_to_cr8(cpu) cpu:write_cr(8, 0) end
function event.inl_pmtimer(cpu) cpu:inp(0x608, 4) end
function event.inl_qemu(cpu) cpu:inp(0x1234, 4) end
function event.inl_kernel(cpu) cpu:inp(0x4d0, 1) end
function event.outl_kernel(cpu) cpu:outp(0x4d0, 0, 1) end
event.inl_from_pmtimer, event.inl_from_qemu, event.inl_from_kernel, event.outl_to_kernel =
  event.inl_pmtimer, event.inl_qemu, event.inl_kernel, event.outl_kernel
for prefix, send in pairs { [""] = icr, x2apic_ = self_ipi } do
  event[prefix .. "self_ipi_sti_nop"] = function(cpu) cpu:cli() send(cpu) sti_nop(cpu) end
  event[prefix .. "self_ipi_sti_hlt"] = function(cpu) cpu:cli() send(cpu) sti_hlt(cpu) end
  event[prefix .. "self_ipi_tpr"] = function(cpu) cpu:write_cr(8, 15) send(cpu) cpu:write_cr(8, 0) cpu:compute(1) end
  event[prefix .. "self_ipi_tpr_sti_nop"] = function(cpu) cpu:cli() cpu:write_cr(8, 15) send(cpu) cpu:write_cr(8, 0) sti_nop(cpu) end
  event[prefix .. "self_ipi_tpr_sti_hlt"] = function(cpu) cpu:cli() cpu:write_cr(8, 15) send(cpu) cpu:write_cr(8, 0) sti_hlt(cpu) end
end
function event.tscdeadline_immed(cpu)
  local n = cpu:interrupts()
  cpu:wrmsr(0x6e0, cpu:rdtsc())
  while cpu:interrupts() == n do cpu:compute(1) end
end
function event.tscdeadline(cpu, p)
  local n = cpu:interrupts()
  cpu:wrmsr(0x6e0, cpu:rdtsc() + p.delay)
  while cpu:interrupts() == n do cpu:pause() end
end
function event.wr_tsc_adjust_msr(cpu) cpu:wrmsr(0x3b, 0) end
function event.rd_tsc_adjust_msr(cpu) cpu:rdmsr(0x3b) end
function event.wr_kernel_gs_base(cpu) cpu:wrmsr(0xc0000102, 0) end
function event.wr_ibrs_msr(cpu) cpu:wrmsr(0x48, 1) cpu:wrmsr(0x48, 0) end
-- pci-testdev: writes to a register of a device that is user space's, and that an ioeventfd takes off it
local TEST_PORT = 0x1234
local watch = { mmio_wildcard_eventfd = "wildcard", mmio_datamatch_eventfd = "mmio", portio_wildcard_eventfd = "port", portio_datamatch_eventfd = "port" }
for _, way in ipairs { "no", "wildcard", "datamatch" } do
  event["mmio_" .. way .. "_eventfd"] = function(cpu, p) cpu:mmio(p.mmio, "store") end
  event["portio_" .. way .. "_eventfd"] = function(cpu) cpu:outp(TEST_PORT, 0, 4) end
end
local function watched(cpu, p, name)
  local port = name:sub(1, 4) == "port"
  if watch[name] and name:sub(-17) == "datamatch_eventfd" then
    cpu:ioeventfd(port and TEST_PORT or p.mmio, watch[name], 0)
  elseif watch[name] then
    cpu:ioeventfd(port and TEST_PORT or p.mmio, watch[name])
  end
end
function event.cli_sti(cpu) cpu:cli() cpu:sti() cpu:compute(1) end

-- kvm-unit-tests, arm/micro-bench.c: addresses of QEMU's machine virt
event.hypercall, event.hvc = event.vmcall, event.vmcall
function event.mmio_read_user(cpu) cpu:mmio(0x0a000008, "load") end
function event.mmio_read_vgic(cpu) cpu:mmio(0x08000008, "load") end
function event.timer_10ms(cpu)
  local n, until_ns = cpu:interrupts(), cpu:now_ns() + 1e7
  cpu:timer { us = 10000 }
  while cpu:interrupts() == n do
    local left = until_ns - cpu:now_ns()
    if left > 20000 then cpu:compute(left // 8 | 0) else cpu:pause() end
  end
end
function event.eoi(cpu, p)
  if cpu:has("mrs") then cpu:msr("S3_0_C12_C12_1") return end -- ICC_EOIR1_EL1, of a number that is none
  cpu:ipi(cpu:index(), VECTOR) cpu:compute(p.delay)
end

-- on_cpu(1, nop): the target answers when it has run; what it has done is seen once the sender's clock is there
local TARGET = 1
local answered, answered_ns, line = 0, 0, nil -- line: the memory that they share
local function on_cpu_1(cpu, n)
  cpu:ipi(TARGET)
  repeat cpu:load(line) until answered >= n and answered_ns <= cpu:now_ns()
end
local function target(cpu, total)
  local idle = cpu:has("wfe") and "pause" or "hlt" -- micro-bench's spins in cpu_relax, vmexit's halts
  while answered < total do
    if cpu:interrupts() > answered then
      cpu:store(line)
      answered, answered_ns = cpu:interrupts(), cpu:now_ns()
    else
      cpu[idle](cpu)
    end
  end
end

-- ple_round_robin: each waits for its turn with PAUSE and hands it to the next
local turn, turn_ns = {}, {}
local function round_robin(cpu, n)
  local me = cpu:index()
  local you = (me + 1) % vcpus
  while turn[me] < n or turn_ns[me] > cpu:now_ns() do
    cpu:pause()
    cpu:load(line, 64 * me)
  end
  cpu:store(line, 64 * you)
  turn[you], turn_ns[you] = turn[you] + 1, cpu:now_ns()
end

local function body(cpu, p)
  local total = p.count + p.warmup
  local me = cpu:index()
  local page = cpu:map { bytes = "4KiB" }
  cpu:store(page)
  local fresh = cpu:map { bytes = total * 4096, backing = "host_touch", page = "base" }
  local touched, round = 0, 0
  local own = {}
  function own.ept_violation(c)
    c:store(fresh, touched * 4096)
    touched = touched + 1
  end
  local pair = reason == "ipi_halt" or reason == "ipi_hw" or (reason == "ipi" and vcpus > 1)
  if pair then
    function own.ipi(c)
      round = round + 1
      on_cpu_1(c, round)
    end
    function own.ipi_halt(c)
      own.ipi(c)
      local t = c:rdtsc() + 2000
      while c:rdtsc() < t do c:compute(1) end
    end
    own.ipi_hw = own.ipi
  end
  function own.ple_round_robin(c)
    round = round + 1
    round_robin(c, round)
  end
  local todo = {}
  for _, list in ipairs { order, instructions, named } do
    for _, name in ipairs(list) do
      -- each of them in turn: of what this processor has
      if reason == name or (p.reason == "all" and method[name] and cpu:has(method[name])) then todo[#todo + 1] = name end
    end
  end
  local function loop(n)
    for _, name in ipairs(todo) do
      local one = own[name] or event[name]
      for _ = 1, n do one(cpu, p, page) end
    end
  end
  if me == 0 then
    line = vcpus > 1 and cpu:map { bytes = 64 * vcpus }
    for i = 0, vcpus - 1 do turn[i], turn_ns[i] = i == 0 and 1 or 0, 0 end
    watched(cpu, p, reason)
  elseif pair then
    if me == TARGET then target(cpu, total) end
    return
  else
    while line == nil do cpu:pause() end -- vCPU 0 has not begun
  end
  loop(p.warmup)
  if me == 0 then cpu:mark("roi") end
  loop(p.count)
end

guest(body)
for i = 1, vcpus - 1 do guest { vcpu = i, shares = 0, run = body } end
