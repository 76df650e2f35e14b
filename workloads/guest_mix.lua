-- SPDX-License-Identifier: MIT
workload "A server's guest of one kind: its instructions, what of its accesses misses caches and TLBs, its page faults, context switches, timer interrupts and requests, at rates that were measured of such programs. The same work natively and in a guest: one run time by the other is the percent of native."

metrics { "op:timeline.total", "counter:cpu.instructions@guest", "ratio:op:walk.total/op:timeline.total", "counter:hypervisor.exits" }

-- What each mix is, with where its numbers are from; what has no source is said to be assumed.
--
--   warm, cold   accesses of 1000 instructions that find their line in the last-level cache, and in no cache; what hits
--                before is in cpu.ipc already
--   walks        of 1000 instructions that miss the TLBs: so many cold accesses are anywhere, the others in order
--   faults, switches, requests    of a million instructions: pages touched for the first time, changes of the process,
--                what a device is asked for
--   bytes, packets     a request is so many frames of so many bytes
--   tick         timer interrupts a second
--   sleep        us without anything to do after each piece of work
--   footprint    MiB of cold memory
local mixes = {
  -- 0-day CI, kbuild of allyesconfig with gcc 11 on 128 threads of an Ice Lake server: linux-mm, 21 October 2022, "Re: [mm]
  -- f35b5d7d67: will-it-scale.per_process_ops -95.5% regression", commit 7b5a0b664ebe, perf-stat.ps. All processors, a
  -- second: 177.1e9 instructions, 1.653e9 references of the last-level cache, 436.7e6 misses of it, 61.29e6 and 28.72e6
  -- TLB misses of loads and stores, 2.303e6 page faults, 31105 context switches; 265989 interrupts, which are 2078 a
  -- processor. IPC 0.78, to judge by. Assumed: 256 MiB a process, of 2.8 GB that its largest one has.
  kernel_build = { warm = 6.87, cold = 2.47, walks = 0.508, faults = 13.0, switches = 0.176, requests = 0, tick = 2078,
    sleep = 0, footprint = 256 },
  -- 0-day CI, apachebench, 4000 connections, 16 threads of a Xeon D-1541: linux-kernel, 13 November 2019, "Re: [LKP] [net]
  -- 19f92a030c: apachebench.requests_per_second -37.9% regression", commit 6d6f0383b697, perf-stat.i. A second: 7.0e9
  -- instructions, 10.72e6 and 1.69e6 TLB misses, 45909 page faults, 71149 context switches, 40454 requests; 33174
  -- interrupts, all but few of timers. IPC 0.42, to judge by. Its references and misses of the last-level cache are one
  -- number, 74 of 1000 instructions, so that warm and cold are kernel_build's, and the walks add to cold: assumed, as are
  -- the footprint, and one frame out for each request.
  web_server = { warm = 6.87, cold = 2.47, walks = 1.77, faults = 6.56, switches = 10.2, requests = 5.78, bytes = 1024,
    packets = 1, tick = 2073, sleep = 0, footprint = 256 },
  -- VMware, Order-Entry (which is like TPC-C) on Oracle and 8 processors, natively: VROOM!, April 2009, "Database
  -- performance shines on vSphere 4": 71000 disk requests of 4.4 KB and 31000 packets a second. Assumed: 1.5e9
  -- instructions a second, HZ = 1000, a switch for each disk request, three frames for it, all that memory does.
  database = { warm = 10, cold = 5, walks = 3.5, faults = 0.5, switches = 5.9, requests = 8.5, bytes = 1460, packets = 3,
    tick = 1000, sleep = 0, footprint = 1024 },
  -- An idle guest under Arm's KVM: kvmexit-aarch64_example.txt of Kylin's virt-tools-set 1.0, 71 exits of WFI in five
  -- seconds on its busiest processor. Assumed: what it does after each, 50000 instructions like kernel_build's.
  idle = { warm = 6.87, cold = 2.47, walks = 0.508, faults = 0, switches = 20, requests = 0, tick = 0, sleep = 70400,
    footprint = 16 },
  -- A computing guest: 0xba1a, "perf kvm to profile vm_exit", September 2020, 22.7 s of sysbench's prime numbers with
  -- 5728 expirations of the preemption timer, which is HZ = 250. Assumed: its memory, a stream over 1 GiB.
  hpc = { warm = 2, cold = 5, walks = 0.1, faults = 0, switches = 0.01, requests = 0, tick = 253, sleep = 0,
    footprint = 1024 },
}

param { name = "mix", default = "kernel_build", choices = "kernel_build|web_server|database|idle|hpc", text = "what the guest does" }
param { name = "instructions", default = 30000000, min = 100000, max = 100000000000, unit = "instructions", text = "instructions of the mix that are measured; page faults, switches and requests come with them" }
param { name = "device", default = "assigned", choices = "assigned|emulated", text = "what its requests go to: a function of its own, or registers that user space emulates" }
param { name = "footprint", default = 0, min = 0, max = 65536, unit = "MiB", text = "cold memory of each of its two processes; 0 = the mix's" }
param { name = "mmio", default = 0xfed00000, unit = "address", text = "where the registers of an emulated device are" }

local PIECE = 50000 -- instructions between two looks at what is due
local SPAWN = 256   -- pages of a process that begins: touched one after the other, then given back
local WARM = 2 << 20 -- bytes: more than a second-level cache of most parts holds
local DRIVER = 700   -- instructions of a driver that hands a request over: as guest.transmit.stack, assumed

local function memory(cpu, bytes)
  return { bytes = bytes, warm = cpu:map { bytes = WARM }, cold = cpu:map { bytes = bytes },
    fresh = cpu:map { bytes = SPAWN * 4096, backing = "touch", page = "base" }, touched = 0, warm_at = 0, cold_at = 0 }
end

-- One piece's instructions. Its accesses in order go on where those of the piece before ended.
local function work(cpu, mix, own, due)
  local function whole(name, n) -- of a number, what is left of it comes with the next piece
    due[name] = (due[name] or 0) + n * PIECE / 1000
    local now = math.floor(due[name])
    due[name] = due[name] - now
    return now
  end
  local warm, cold = whole("warm", mix.warm), whole("cold", mix.cold)
  local apart = math.min(cold, whole("apart", math.max(0, mix.walks - (mix.warm + mix.cold) / 64)))
  if warm > 0 then cpu:stride { region = own.warm, stride = 64, count = warm, offset = own.warm_at } end
  if cold > apart then cpu:stride { region = own.cold, stride = 64, count = cold - apart, offset = own.cold_at } end
  if apart > 0 then cpu:random { region = own.cold, stride = 64, count = apart } end
  own.warm_at = (own.warm_at + warm * 64) % WARM
  own.cold_at = (own.cold_at + (cold - apart) * 64) % own.bytes
  cpu:compute(PIECE - warm - cold)
end

guest(function(cpu, p)
  local mix = mixes[p.mix]
  local bytes = (p.footprint > 0 and p.footprint or mix.footprint) << 20
  local own = { [0] = memory(cpu, bytes) }
  local other = cpu:process()
  cpu:switch(other)
  own[other] = memory(cpu, bytes)
  for process = 0, other, other do
    cpu:switch(process)
    -- a server has run for long: what it has, it has touched, so that no first touch is measured but that of `faults`
    cpu:stride { region = own[process].cold, stride = 4096, count = own[process].bytes // 4096 }
    cpu:stride { region = own[process].warm, stride = 64, count = WARM // 64 }
  end
  cpu:switch(0)
  local now, due, tick = 0, { faults = 0, switches = 0, requests = 0 }, 0
  local event = {
    faults = function()
      local m = own[now]
      if m.touched == SPAWN then
        cpu:unmap(m.fresh)
        m.touched = 0
      end
      cpu:store(m.fresh, m.touched * 4096)
      m.touched = m.touched + 1
    end,
    switches = function()
      now = other - now
      cpu:switch(now)
    end,
    requests = function()
      if p.device == "emulated" then -- the same driver, another register, an interrupt when it is done
        cpu:compute(DRIVER)
        cpu:mmio(p.mmio, "store")
        cpu:ipi(cpu:index())
      else
        cpu:send { bytes = mix.bytes, count = mix.packets }
      end
    end,
  }
  local order = { "faults", "requests", "switches" }
  local function run(instructions)
    for _ = 1, instructions // PIECE do
      work(cpu, mix, own[now], due)
      for _, name in ipairs(order) do
        due[name] = due[name] + mix[name] * PIECE / 1e6
        -- the driver's memory is the first process's
        while due[name] >= 1 and (name ~= "requests" or now == 0 or p.device == "emulated") do
          event[name]()
          due[name] = due[name] - 1
        end
      end
      if mix.tick > 0 and cpu:now_ns() >= tick then
        tick = cpu:now_ns() + 1e9 / mix.tick
        cpu:timer { ns = math.floor(1e9 / mix.tick) }
      end
      if mix.sleep > 0 then cpu:wait { us = mix.sleep } end
    end
  end
  run(math.max(PIECE, p.instructions // 4))
  cpu:mark("roi")
  run(math.max(PIECE, p.instructions))
  cpu:timer { ns = 0 }
end)
