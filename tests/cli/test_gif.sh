#!/bin/sh
# SPDX-License-Identifier: MIT
# The instructions of SVM in a guest: where the processor virtualizes the global interrupt flag (APM volume 2, 15.33.2)
# CLGI holds the guest's interrupts until STGI, and neither leaves; VMLOAD and VMSAVE likewise under nested paging
# (15.33.1). Elsewhere each is an exit. Without a guest they are invalid opcodes, and SKINIT is not simulated.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
run() { "$VIRTSIM" run "$@" --no-store --quiet --format csv; }
exits() { awk -F, '$11 == "op" && $2 ~ /^exit/ { print $2 "=" $3 }' "$work/out" | sort | tr '\n' ' '; }
cat >"$work/held.lua" <<'END'
guest(function(cpu)
  for i = 1, 3 do
    cpu:instruction("clgi")
    cpu:ipi(0)
    cpu:compute(20000)
    if cpu:interrupts() ~= i - 1 then error("taken while the flag is clear") end
    cpu:instruction("stgi")
    cpu:compute(20000)
    if cpu:interrupts() ~= i then error("not taken when it is set") end
  end
end)
END
for m in zen2_rome_kvm zen3_milan_kvm; do
    ok "$m: CLGI holds a virtual interrupt, STGI lets it in" run "$work/held.lua" -m $m
    equal "$m: neither leaves; the interrupt waits for its window" "exit.msr.write=6 exit.vintr=3 " "$(exits)"
done
ok "and with AVIC" run "$work/held.lua" -m zen3_milan_kvm --set svm.avic=1 --set svm.cap.x2avic=1
equal "no window is needed" "" "$(exits)"
cat >"$work/physical.lua" <<'END'
guest(function(cpu) cpu:instruction("clgi") cpu:compute(3000000) cpu:instruction("stgi") end)
END
ok "physical interrupts are the host's" run "$work/physical.lua" -m zen2_rome_kvm --set host.tick_hz=10000
equal "they leave the guest, whatever its flag says" 1 "$(exits | grep -c 'exit.intr=')"

instructions='for _, n in ipairs { "vmload", "vmsave", "clgi", "stgi", "skinit", "vmrun" } do cpu:instruction(n) end cpu:invlpga { address = cpu:map { bytes = 4096 } } cpu:hypercall(0)'
printf 'guest(function(cpu) %s end)\n' "$instructions" >"$work/all.lua"
ok "each instruction of SVM" run "$work/all.lua" -m zen2_rome_kvm
equal "leaves, but for the four that are virtualized" "exit.invlpga=1 exit.skinit=1 exit.vmmcall=1 exit.vmrun=1 " "$(exits)"
equal "which are counted" 4 "$(awk -F, '$11 == "counter" && $12 == "svm.executed" { print $14 }' "$work/out")"
four="exit.clgi=1 exit.invlpga=1 exit.skinit=1 exit.stgi=1 exit.vmload=1 exit.vmmcall=1 exit.vmrun=1 exit.vmsave=1 "
ok "a part without them" run "$work/all.lua" -m k10_shanghai_kvm
equal "leaves for each" "$four" "$(exits)"
ok "with the two bits of CPUID clear" run "$work/all.lua" -m zen2_rome_kvm --set svm.cap.vgif=0 --set svm.cap.virtual_vmload=0
equal "so does a newer one" "$four" "$(exits)"
printf 'guest(function(cpu) cpu:instruction("vmload") cpu:instruction("vmsave") end)\n' >"$work/two.lua"
ok "VMLOAD needs nested paging" run "$work/two.lua" -m zen2_rome_kvm --set paging.mode=shadow
equal "and leaves under shadow paging" "exit.vmload=1 exit.vmsave=1 " "$(exits)"

printf 'guest(function(cpu) cpu:instruction("skinit") end)\n' >"$work/skinit.lua"
refused "SKINIT natively" 2 "skinit that no hypervisor takes is not simulated" "$VIRTSIM" run "$work/skinit.lua" -m zen2_rome_native --no-store --quiet
ok "which Intel's parts do not have" run "$work/skinit.lua" -m skylake_sp_native
printf 'guest(function(cpu) for _, n in ipairs { "vmload", "vmsave", "clgi", "stgi", "vmrun" } do cpu:instruction(n) end end)\n' >"$work/ud.lua"
ok "the others are invalid opcodes: EFER.SVME is clear" run "$work/ud.lua" -m zen2_rome_native
printf 'guest(function(cpu) cpu:instruction("clgi") cpu:hlt() end)\n' >"$work/dead.lua"
refused "a halt that nothing ends" 1 "its global interrupt flag clear (CLGI)" "$VIRTSIM" run "$work/dead.lua" -m zen2_rome_kvm --no-store --quiet
finish
