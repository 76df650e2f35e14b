-- SPDX-License-Identifier: MIT
workload "One exit reason at a time in a tight loop, as kvm-unit-tests' vmexit measures: warm handler, no working set. Reasons the controls let the guest handle itself appear as guest work."

local order = { "cpuid", "vmcall", "hlt", "rdtsc", "rdmsr", "wrmsr", "io_in", "io_out", "mmio_read", "mmio_write", "cr3", "cr8",
  "invlpg", "pause", "ept_violation", "ipi", "mrs_id", "mrs_vm", "mrs", "msr_vm", "msr", "smc", "wfe" }

param { name = "reason", default = "all", choices = "all|" .. table.concat(order, "|"), text = "which event; all = each of them in turn" }
param { name = "count", default = 500, min = 1, max = 10000000, unit = "events", text = "events of each reason that are measured" }
param { name = "warmup", default = 50, unit = "events", text = "events of each reason before the region of interest" }
param { name = "leaf", default = 0, unit = "number", text = "CPUID leaf" }
param { name = "rdmsr", default = 0x1b, unit = "number", text = "MSR that is read; 0x1b = IA32_APIC_BASE" }
param { name = "wrmsr", default = 0x3b, unit = "number", text = "MSR that is written; 0x3b = IA32_TSC_ADJUST" }
param { name = "mrs", default = "PMCR_EL0", choices = "PMCR_EL0|CNTVCT_EL0|CNTP_CTL_EL0|MIDR_EL1", text = "Arm's system register that mrs reads; mrs_id reads ID_AA64MMFR0_EL1, mrs_vm TTBR0_EL1" }
param { name = "msr", default = "PMCR_EL0", choices = "PMCR_EL0|CNTP_CTL_EL0|VBAR_EL1", text = "Arm's system register that msr writes; msr_vm writes SCTLR_EL1" }
param { name = "port", default = 0x80, max = 0xffff, unit = "number", text = "I/O port; 0x80 = the firmware's diagnostic codes, which user space emulates; 0x40 = channel 0 of the interval timer, which KVM does itself" }
param { name = "mmio", default = 0xfed00000, unit = "address", text = "device register nobody backs; 0xfed00000 = event timer" }
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
function event.ipi(cpu) cpu:ipi(cpu:index()) end

guest(function(cpu, p)
  local page = cpu:map { bytes = "4KiB" }
  cpu:store(page)
  local fresh = cpu:map { bytes = (p.count + p.warmup) * 4096, backing = "host_touch", page = "base" }
  local touched = 0
  function event.ept_violation(c)
    c:store(fresh, touched * 4096)
    touched = touched + 1
  end
  local function loop(n)
    for _, name in ipairs(order) do
      -- each of them in turn: of what this processor has
      if p.reason == name or (p.reason == "all" and cpu:has(method[name])) then
        for _ = 1, n do event[name](cpu, p, page) end
      end
    end
  end
  loop(p.warmup)
  cpu:mark("roi")
  loop(p.count)
end)
