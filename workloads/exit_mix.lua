-- SPDX-License-Identifier: MIT
workload "A guest that works on its own data and causes exits of each kind at given rates per second of its work. The work is the same whatever the rates: runs with and without exits can be subtracted."

param { name = "footprint", default = "8MiB", min = "4KiB", unit = "bytes", text = "working set of the guest, which handlers evict" }
param { name = "count", default = 1000000, min = 1, unit = "accesses", text = "loads of the guest's work, spread over the working set" }
param { name = "work", default = 8, max = 1000000, unit = "instructions", text = "instructions after each load" }
param { name = "rate", default = 100, max = 100000, unit = "percent", text = "scales all rates; 0 = the same work without any of these exits" }
param { name = "cpuid", default = 1000, unit = "1/s", text = "CPUID" }
param { name = "rdmsr", default = 1000, unit = "1/s", text = "RDMSR of IA32_APIC_BASE" }
param { name = "wrmsr", default = 8000, unit = "1/s", text = "WRMSR of IA32_TSC_ADJUST" }
param { name = "io_in", default = 2000, unit = "1/s", text = "IN from port 0x40" }
param { name = "io_out", default = 2000, unit = "1/s", text = "OUT to port 0x40" }
param { name = "mmio", default = 2000, unit = "1/s", text = "reads of a device register nobody backs" }
param { name = "hlt", default = 1000, unit = "1/s", text = "HLT for one microsecond" }
param { name = "vmcall", default = 500, unit = "1/s", text = "hypercalls" }
param { name = "ept_violation", default = 2000, unit = "1/s", text = "first touches of pages the host has not backed yet" }
param { name = "interrupt", default = 4000, unit = "1/s", text = "interrupts from the second vCPU" }

local order = { "cpuid", "rdmsr", "wrmsr", "io_in", "io_out", "mmio", "hlt", "vmcall", "ept_violation" }
local event = {
  cpuid = function(cpu) cpu:cpuid(0) end,
  rdmsr = function(cpu) cpu:rdmsr(0x1b) end,
  wrmsr = function(cpu) cpu:wrmsr(0x3b, 0) end,
  io_in = function(cpu) cpu:inp(0x40, 1) end,
  io_out = function(cpu) cpu:outp(0x40, 0, 1) end,
  mmio = function(cpu) cpu:mmio(0xfed00000, "load") end,
  hlt = function(cpu) cpu:wait { us = 1 } end,
  vmcall = function(cpu) cpu:hypercall(0) end,
}
local method = { cpuid = "cpuid", rdmsr = "rdmsr", wrmsr = "wrmsr", io_in = "inp", io_out = "outp", mmio = "mmio",
  hlt = "wait", vmcall = "hypercall", ept_violation = "store" }
local over = false

guest(function(cpu, p)
  local heap = cpu:map { bytes = p.footprint }
  local fresh, left = nil, 0
  event.ept_violation = function()
    if left == 0 then
      left = 256
      fresh = cpu:map { bytes = left * 4096, backing = "host_touch", page = "base" }
    end
    left = left - 1
    cpu:store(fresh, left * 4096)
  end
  -- ns of guest work between two events of a kind, and what is left of it; the phases are spread
  local every, due = {}, {}
  for i, name in ipairs(order) do
    local per_second = p[name] * p.rate / 100
    if per_second > 0 and cpu:has(method[name]) then -- what this processor has
      every[name] = 1e9 / per_second
      due[name] = every[name] * i / #order
    end
  end
  local function work(n, exits)
    while n > 0 do
      local chunk = math.min(n, 500)
      local start = cpu:now_ns()
      cpu:random { region = heap, count = chunk, work = p.work }
      local spent = cpu:now_ns() - start
      n = n - chunk
      for _, name in ipairs(order) do
        if exits and due[name] then
          due[name] = due[name] - spent
          while due[name] <= 0 do
            event[name](cpu)
            due[name] = due[name] + every[name]
          end
        end
      end
    end
  end
  for _, name in ipairs(order) do
    if every[name] then event[name](cpu) end
  end
  work(math.min(p.count, 200000), false)
  cpu:mark("roi")
  work(p.count, true)
  over = true
end)

guest { vcpu = 1, run = function(cpu, p)
  local per_second = p.interrupt * p.rate / 100
  while per_second > 0 and not over do
    cpu:wait { ns = math.max(1, math.floor(1e9 / per_second)) }
    if not over then cpu:ipi(0) end
  end
end }
