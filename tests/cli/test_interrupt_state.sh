#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What a guest writes into its interrupt state decides what it takes and when: the task priority, RFLAGS.IF around
# HLT, the registers of the APIC, the TSC deadline; and a model-specific register holds what was written.
. "$VIRTSIM_HOME/tests/lib.inc"

injecting="--set vmcs.control.posted_interrupts=0 --set vmcs.control.virtual_interrupt_delivery=0"
machines=("skylake_sp_native" "skylake_sp_kvm" "skylake_sp_kvm $injecting" "haswell_ep_kvm" "zen3_milan_native" "zen3_milan_kvm"
    "skylake_sp_xen" "skylake_sp_vmlatency" "skylake_sp_kvm --set paging.mode=shadow")
everywhere() { # "what" SCRIPT: it runs without an error on each machine
    for m in "${machines[@]}"; do
        rm -f "$work/r.db"
        # shellcheck disable=SC2086
        ok "$1, on $m" "$VIRTSIM" run "$work/$2.lua" --quiet --db "$work/r.db" --machine $m
    done
}
exits() { # SCRIPT OPTIONS...: exits of all vCPUs by reason
    rm -f "$work/r.db"
    "$VIRTSIM" run "$work/$1.lua" --quiet --db "$work/r.db" "${@:2}" >/dev/null || echo failed
    sqlite3 "$work/r.db" "select group_concat(name, ' ') from (select replace(op, 'exit.', '') || '=' || sum(n) as name
        from op where op like 'exit.%' group by op order by op)"
}

# SDM 3A 11.8.3.1: a vector is taken when its class is above that of TPR; CR8 is TPR[7:4]
cat >"$work/priority.lua" <<'END'
local function taken(cpu, n, what) if cpu:interrupts() ~= n then error(what .. ": " .. cpu:interrupts()) end end
guest(function(cpu)
  cpu:write_cr(8, 15) cpu:ipi(0, 0x40) cpu:compute(20000) taken(cpu, 0, "taken though CR8 is 15")
  cpu:write_cr(8, 4) cpu:compute(20000) taken(cpu, 0, "class 4 is not above 4")
  cpu:write_cr(8, 3) cpu:compute(10) taken(cpu, 1, "class 4 is above 3")
  cpu:wrmsr(0x808, 0x50) cpu:wrmsr(0x83f, 0x51) cpu:compute(20000) taken(cpu, 1, "taken though TPR is 50H")
  if cpu:rdmsr(0x808) ~= 0x50 then error("TPR reads otherwise") end
  if cpu:rdmsr(0x80a) ~= 0x50 then error("PPR is not TPR") end
  if cpu:rdmsr(0x822) ~= 1 << 17 then error("IRR has no vector 51H") end
  cpu:wrmsr(0x808, 0) cpu:compute(10) taken(cpu, 2, "TPR is 0")
  cpu:cli() cpu:write_cr(8, 15) cpu:ipi(0, 0x60) cpu:ipi(0, 0x40) cpu:compute(20000)
  cpu:write_cr(8, 5) cpu:sti() cpu:compute(100) taken(cpu, 3, "class 6 alone is above 5")
  cpu:write_cr(8, 0) cpu:compute(10) taken(cpu, 4, "both are above 0")
end)
END
everywhere "the task priority holds interrupts back" priority
equal "the hypervisor hears of a TPR that falls by its threshold" yes \
    "$(exits priority $injecting | grep -q 'tpr_below_threshold=3' && echo yes)"
equal "with virtual-interrupt delivery the processor does it" "" "$(exits priority | grep -o tpr_below_threshold)"
equal "AMD: by the write of CR8, which is intercepted only then" "cr_write=2" "$(exits priority -m zen3_milan_kvm | grep -o 'cr_write=[0-9]*')"

# of another vCPU: the arrival is an exit, the injection one more
cat >"$work/other.lua" <<'END'
local ready, sent, low
guest(function(cpu) while not ready do cpu:compute(100) end cpu:ipi(1, 0x40) cpu:compute(20000) sent = true end)
guest(function(cpu)
  cpu:write_cr(8, 15) ready = true
  while not sent do cpu:compute(100) end
  if cpu:interrupts() ~= 0 then error("taken though CR8 is 15") end
  cpu:write_cr(8, 0) cpu:compute(10)
  if cpu:interrupts() ~= 1 then error("not taken though CR8 is 0") end
end)
END
everywhere "the task priority holds back what another vCPU sends" other
equal "arrival and threshold" "external_interrupt=1 tpr_below_threshold=1 wrmsr=2" "$(exits other $injecting)"
equal "posted, nothing exits at the receiver" "wrmsr=1" "$(exits other)"

# no halt is ended by what the task priority holds back
cat >"$work/halt.lua" <<'END'
local halted, woken
guest(function(cpu) while not halted do cpu:compute(100) end cpu:compute(20000)
  cpu:ipi(1, 0x40) cpu:compute(50000) if woken then error("woken by a held one") end cpu:ipi(1, 0xa0) end)
guest(function(cpu)
  cpu:write_cr(8, 9) halted = true cpu:hlt() woken = true
  if cpu:interrupts() ~= 1 then error("it takes the one above its priority: " .. cpu:interrupts()) end
end)
END
everywhere "a halt ends by what is above the task priority" halt

# SDM 3A 6.8.1, HLT: the instruction behind STI executes before what waits is taken
cat >"$work/shadow.lua" <<'END'
guest(function(cpu)
  cpu:cli() cpu:ipi(0, 0x40) cpu:compute(20000)
  if cpu:interrupts() ~= 0 then error("taken while masked") end
  cpu:sti() cpu:hlt() cpu:compute(10)
  if cpu:interrupts() ~= 1 then error("HLT did not end") end
end)
END
everywhere "HLT behind STI is executed, and woken" shadow
for m in "skylake_sp_kvm" "skylake_sp_kvm $injecting" "skylake_sp_kvm --set interrupt.apic=xapic" "zen3_milan_kvm"; do
    # shellcheck disable=SC2086
    equal "HLT behind STI leaves the guest once, on $m" hlt=1 "$(exits shadow -m $m | grep -o 'hlt=[0-9]*')"
done
# what woke it was there: nothing of the host's own interrupts it
equal "no interrupt of the host's" 0 "$(sqlite3 "$work/r.db" "select coalesce(sum(value), 0) from counter where name = 'hypervisor.host_interrupts'")"

# SDM 3C table 25-3: STI holds interrupts back for one instruction. Who emulates that one ends it (KVM's
# vmx_set_interrupt_shadow and svm_set_interrupt_shadow of skip_emulated_instruction, Xen's update_guest_eip), and its
# entry carries what waits; the window that was asked for is there all the same, with nothing to be injected.
cat >"$work/behind.lua" <<'END'
guest(function(cpu) for i = 1, 10 do
  cpu:cli() cpu:ipi(0, 0x40) cpu:compute(20000)
  cpu:sti() cpu:cpuid() cpu:compute(10)
  if cpu:interrupts() ~= i then error("lost or twice: " .. cpu:interrupts()) end
end end)
END
cat >"$work/behind_self.lua" <<'END'
guest(function(cpu) for i = 1, 10 do
  cpu:cli() cpu:compute(20) cpu:sti() cpu:ipi(0, 0x40) cpu:compute(5000)
  if cpu:interrupts() ~= i then error("lost or twice: " .. cpu:interrupts()) end
end end)
END
writes() { sqlite3 "$work/r.db" "select coalesce(sum(n), 0) from part where op = '$1' and account = 'vmcs.instruction.vmwrite'"; }
everywhere "what waits comes behind an emulated instruction behind STI" behind
equal "with a window" "cpuid=10 interrupt_window=10 wrmsr=20" "$(exits behind $injecting)"
equal "the instruction behind, what it holds back and the event are written in its exit" 30 "$(writes handler.cpu_id)"
equal "in the window's, that it is closed" 10 "$(writes handler.interrupt_window)"
equal "Xen's" "cpuid=10 interrupt_window=10 wrmsr=20" "$(exits behind $injecting -m skylake_sp_xen)"
everywhere "a self-IPI behind STI is taken" behind_self
equal "its own exit's entry carries it, and there is no window" "wrmsr=20" "$(exits behind_self $injecting)"
equal "on AMD" "msr.write=20" "$(exits behind_self -m zen3_milan_kvm)"

# a self-IPI is pending when its exit is handled: the same entry carries it
cat >"$work/self.lua" <<'END'
guest(function(cpu) for _ = 1, 10 do cpu:ipi(0, 0x40) cpu:compute(5000) end
  if cpu:interrupts() ~= 10 then error("lost") end end)
END
everywhere "each self-IPI is taken" self
equal "one exit sends it and injects it, one ends it" "wrmsr=20" "$(exits self $injecting)"
equal "posted: one exit sends it" "wrmsr=10" "$(exits self)"
equal "by the page" "apic_write=20" "$(exits self $injecting --set interrupt.apic=xapic)"
equal "AMD" "msr.write=20" "$(exits self -m zen3_milan_kvm)"

# ---- model-specific registers ----

cat >"$work/msr.lua" <<'END'
local function same(cpu, index, value) cpu:wrmsr(index, value)
  if cpu:rdmsr(index) ~= value then error(string.format("%x: %x", index, cpu:rdmsr(index))) end end
guest(function(cpu)
  same(cpu, 0xc0000103, 42) same(cpu, 0xc0000082, -2147483648) same(cpu, 0x277, 0x0606060606060606)
  same(cpu, 0x830, 0x41) cpu:compute(20000)
  if cpu:interrupts() ~= 1 then error("ICR sends nothing") end
  cpu:wrmsr(0x830, 0x40041) cpu:compute(20000)
  if cpu:interrupts() ~= 2 then error("ICR's shorthand for itself") end
  cpu:wrmsr(0x83f, 0x42) cpu:compute(20000)
  if cpu:interrupts() ~= 3 then error("SELF IPI sends nothing") end
  cpu:wrmsr(0x80b, 0)
  local t = cpu:rdtsc()
  same(cpu, 0x6e0, t + 100000) cpu:compute(50000)
  if cpu:interrupts() ~= 3 then error("before the deadline") end
  cpu:compute(500000)
  if cpu:interrupts() ~= 4 then error("the deadline is past") end
  if cpu:rdmsr(0x6e0) ~= 0 then error("a deadline that is past reads 0") end
  cpu:wrmsr(0x6e0, cpu:rdtsc() + 100000) cpu:wrmsr(0x6e0, 0) cpu:compute(500000)
  if cpu:interrupts() ~= 4 then error("a deadline of 0 disarms") end
  cpu:wrmsr(0x6e0, 1) cpu:compute(10)
  if cpu:interrupts() ~= 5 then error("a deadline in the past fires at once") end
  cpu:wrmsr(0x10, 1 << 40)
  if cpu:rdtsc() < 1 << 40 or cpu:rdmsr(0x10) > (1 << 40) + 100000 then error("the TSC was not written") end
  cpu:wrmsr(0x3b, 0)
  if cpu:rdtsc() > 1 << 32 then error("TSC_ADJUST moves the TSC") end
  if cpu:rdmsr(0x1b) & 0xfee00d00 ~= 0xfee00d00 then error("IA32_APIC_BASE") end
end)
END
everywhere "MSRs hold what was written and do what they are for" msr

cat >"$work/shorthand.lua" <<'END'
local counts, go = {}, false
guest(function(cpu) cpu:compute(10000) cpu:wrmsr(0x830, 0xc0050) cpu:compute(50000) -- all but itself
  cpu:wrmsr(0x830, 0x80051) cpu:compute(50000)                                      -- all
  cpu:wrmsr(0x830, 6 << 32 | 0x800 | 0x52) cpu:compute(50000)                       -- logical: 1 and 2
  cpu:wrmsr(0x830, 0xffffffff << 32 | 0x53) cpu:compute(50000) go = true           -- everybody
  if cpu:interrupts() ~= 2 then error("sender: " .. cpu:interrupts()) end end)
for i = 1, 3 do guest(function(cpu) while not go do cpu:compute(200) end cpu:compute(20000)
  if cpu:interrupts() ~= (i < 3 and 4 or 3) then error(i .. ": " .. cpu:interrupts()) end end) end
END
everywhere "ICR's destinations are those of x2APIC mode" shorthand

faults() { # "what" STATUS "text" REQUESTS [options]
    printf 'guest(function(cpu) cpu:cpuid() %s end)\n' "$4" >"$work/bad.lua"
    refused "$1" "$2" "$3" "$VIRTSIM" run "$work/bad.lua" --quiet --db "$work/bad.db" "${@:5}"
}
faults "an MSR that there is not" 1 "RDMSR of 0x12345: #GP, this part has no such MSR" "cpu:rdmsr(0x12345)"
faults "Intel's on AMD" 1 "#GP, this part has no such MSR" "cpu:rdmsr(0x3a)" -m zen3_milan_kvm
faults "AMD's on Intel" 1 "#GP, this part has no such MSR" "cpu:wrmsr(0xc0010015, 0)"
faults "a reserved bit" 1 "WRMSR of 0x48: #GP, a reserved bit is set" "cpu:wrmsr(0x48, 8)"
faults "an address that is not canonical" 1 "#GP, the address is not canonical" "cpu:wrmsr(0xc0000082, 1 << 50)"
faults "what is read only" 1 "WRMSR of 0xfe: #GP, it is read only" "cpu:wrmsr(0xfe, 0)"
faults "a command does not read" 1 "RDMSR of 0x83f: #GP, it is written only" "cpu:rdmsr(0x83f)"
faults "EOI takes 0" 1 "#GP, a reserved bit is set" "cpu:wrmsr(0x80b, 1)"
faults "x2APIC registers in xAPIC mode" 1 "#GP, the APIC is in xAPIC mode" "cpu:wrmsr(0x808, 0)" --set interrupt.apic=xapic
faults "CR8 has four bits" 1 "MOV to CR8 = 0x10: #GP, bits 63:4 are reserved" "cpu:write_cr(8, 16)"
faults "what is not simulated is said" 2 "delivery mode 2 (SMI) is not simulated" "cpu:wrmsr(0x830, 0x200)"
faults "an NMI to itself has no shorthand" 2 "no shorthand that names its sender (SDM 3A table 11-3)" "cpu:wrmsr(0x830, 0x40400)"
faults "NMIs of guests need VMX's control" 2 "on Intel's with vmcs.control.virtual_nmis = 1, and on bare metal" "cpu:wrmsr(0x830, 0x400)" --set vmcs.control.virtual_nmis=0
faults "the APIC's mode is the machine's" 2 "interrupt.apic" "cpu:wrmsr(0x1b, 0xfee00900)"
finish
