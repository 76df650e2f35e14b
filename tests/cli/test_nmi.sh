#!/bin/sh
# SPDX-License-Identifier: MIT
# Non-maskable interrupts of a guest on AMD's processors. An NMI goes in with an entry (EVENTINJ, APM volume 2, 15.20);
# the next one waits until the handler's IRET, whose intercept tells KVM of it, and KVM single-steps past it. With
# virtual NMIs (15.21.10) the processor does all of that. Natively it takes one, and keeps one.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
run() { "$VIRTSIM" run "$@" --no-store --quiet --format csv; }
exits() { awk -F, -v a="$1/host" '$11 == "op" && $1 == a && $2 ~ /^exit/ { print $2 "=" $3 }' "$work/out" | sort | tr '\n' ' '; }
taken() { awk -F, '$11 == "op" && $1 ~ "^vcpu0" && $2 == "nmi" { n += $3 } END { print n + 0 }' "$work/out"; }
vnmi="--set svm.cap.vnmi=1"

self=$VIRTSIM_HOME/tests/support/nmi_self.lua
ok "one to itself" run "$self" -m zen2_rome_kvm
equal "goes in with the entry of the write; IRET is intercepted" "exit.iret=4 exit.msr.write=4 " "$(exits vcpu0)"
ok "with virtual NMIs" run "$self" -m zen2_rome_kvm $vnmi
equal "IRET is not" "exit.msr.write=4 " "$(exits vcpu0)"
ok "with AVIC" run "$self" -m zen3_milan_kvm --set svm.avic=1 --set svm.cap.x2avic=1
equal "an NMI is no IPI that AVIC sends" "exit.avic_incomplete_ipi=4 exit.iret=4 " "$(exits vcpu0)"
for m in zen2_rome_native skylake_sp_native; do
    ok "natively ($m)" run "$self" -m $m
    equal "four are handled" 4 "$(taken)"
done

# two that come close together: the second while the handler of the first one runs
cat >"$work/two.lua" <<'END'
local go, done = false, false
guest(function(cpu) go = true while not done do cpu:compute(300) end cpu:compute(50000)
  if cpu:interrupts() ~= 2 then error("handled: " .. cpu:interrupts()) end end)
guest(function(cpu) while not go do cpu:compute(100) end cpu:compute(30000)
  cpu:wrmsr(0x830, 0x400) cpu:wrmsr(0x830, 0x400) cpu:compute(50000) done = true end)
END
ok "one that comes while a handler runs" run "$work/two.lua" -m zen2_rome_kvm
equal "waits for IRET, and for the single step past it" "exit.excp=1 exit.intr=2 exit.iret=2 " "$(exits vcpu0)"
equal "and both are handled" 2 "$(taken)"
ok "with virtual NMIs" run "$work/two.lua" -m zen2_rome_kvm $vnmi
equal "the processor holds it" "exit.intr=2 " "$(exits vcpu0)"
equal "and delivers it behind IRET" 2 "$(taken)"
ok "natively" run "$work/two.lua" -m zen2_rome_native
equal "so does it there" 2 "$(taken)"
cat >"$work/many.lua" <<'END'
local go, done = false, false
guest(function(cpu) go = true while not done do cpu:compute(300) end cpu:compute(50000) end)
for _ = 1, 6 do guest(function(cpu) while not go do cpu:compute(100) end cpu:compute(30000)
  cpu:wrmsr(0x830, 0x400) cpu:compute(90000) done = true end) end
END
for set in svm.cap.vnmi=0 svm.cap.vnmi=1; do
    ok "of six at once two are kept ($set)" run "$work/many.lua" -m zen2_rome_kvm --set $set
    equal "one goes in, one waits behind it" 2 "$(taken)"
done

# a halt, and STI's shadow
cat >"$work/halt.lua" <<'END'
guest(function(cpu) cpu:cli() cpu:hlt() if cpu:interrupts() ~= 1 then error("woken by nothing") end end)
guest(function(cpu) cpu:compute(400000) cpu:ipi(0) cpu:compute(400000) cpu:wrmsr(0x830, 0x400) end)
END
for m in "zen2_rome_kvm" "zen2_rome_kvm $vnmi" zen2_rome_native; do
    # shellcheck disable=SC2086
    ok "an NMI ends a halt with interrupts masked, an interrupt does not ($m)" run "$work/halt.lua" -m $m
    equal "one is handled" 1 "$(taken)"
done
cat >"$work/clgi.lua" <<'END'
guest(function(cpu) cpu:instruction("clgi") cpu:wrmsr(0x830, 0x400) cpu:compute(20000)
  if cpu:interrupts() ~= 0 then error("taken with GIF clear") end
  cpu:instruction("stgi") cpu:compute(20000)
  if cpu:interrupts() ~= 1 then error("not taken") end end)
END
ok "a virtual NMI waits for the guest's global interrupt flag" run "$work/clgi.lua" -m zen2_rome_kvm $vnmi
refused "without them KVM cannot wait for it" 2 "svm.cap.vnmi = 1" "$VIRTSIM" run "$work/clgi.lua" -m zen2_rome_kvm --no-store --quiet
finish
