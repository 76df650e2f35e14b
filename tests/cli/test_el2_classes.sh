#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every exception class of EL2: those that the table says can occur are reached by a run, each by what the table
# names; the others have a sentence that says why they cannot.
. "$VIRTSIM_HOME/tests/lib.inc"
page="$VIRTSIM_HOME/docs/generated/el2_classes.md"
declare -A body with
body[exit.wfx.wfi]='cpu:wait { us = 1 }'
body[exit.wfx.wfe]='cpu:wfe()' with[exit.wfx.wfe]="--set el2.trap.wfe=1"
body[exit.fp_asimd]='cpu:simd(1)'
body[exit.sve]='cpu:simd(1, "sve")' with[exit.sve]="--set el2.cap.sve=128"
body[exit.hvc64]='cpu:hypercall(0)'
body[exit.smc64]='cpu:smc(0)'
body[exit.sys64.id]='cpu:mrs("ID_AA64PFR0_EL1")'
body[exit.sys64.read]='cpu:mrs("PMCR_EL0")'
body[exit.sys64.write]='cpu:msr("PMCR_EL0")'
body[exit.sys64.tlbi]='cpu:tlbi("vmalle1")' with[exit.sys64.tlbi]="--set el2.trap.tlbi=1"
body[exit.sys64.vm]='cpu:msr("SCTLR_EL1")' with[exit.sys64.vm]="--set el2.trap.vm=1"
nested="--set hypervisor.nesting=1 --set el2.cap.nv=1"
body[exit.sys64.el2_read]='cpu:hypercall(0)' with[exit.sys64.el2_read]=$nested
body[exit.sys64.el2_write]='cpu:hypercall(0)' with[exit.sys64.el2_write]=$nested
body[exit.hvc64.level]='cpu:hypercall(0)' with[exit.hvc64.level]="$nested --set el2.nested.vhe=0"
body[exit.eret.level]='cpu:hypercall(0)' with[exit.eret.level]="$nested --set el2.nested.vhe=0"
body[exit.eret]='cpu:hypercall(0)' with[exit.eret]=$nested
body[exit.instruction_abort.fault]='cpu:fetch(cpu:map { bytes = 4096, backing = "host_touch" })'
body[exit.data_abort.fault]='cpu:store(cpu:map { bytes = 4096, backing = "host_touch" })'
body[exit.data_abort.mmio]='cpu:mmio(0xfed00000, "load")'
body[exit.irq]='cpu:compute(100000)' with[exit.irq]="--set host.tick_hz=100000"
while IFS='|' read -r _ class op what _ handled _; do
    op=$(echo $op) handled=$(echo $handled)
    if [ "$op" = - ]; then
        checks=$((checks + 1))
        case $handled in "never: "?*) ;; *) failures=$((failures + 1)); echo "FAILED: $class ($what) says neither how nor why not" ;; esac
        continue
    fi
    printf 'workload "%s"\nguest(function(cpu) %s end)\n' "$op" "${body[$op]:-error(\"$op: the test has no run\")}" >"$work/run.lua"
    ok "a run for $op" "$VIRTSIM" run "$work/run.lua" --machine neoverse_n1_kvm --no-store --quiet --format csv ${with[$op]:-}
    equal "it has $op" 1 "$(awk -F, -v o="$op" '$11 == "op" && $2 == o { n = 1 } END { print n + 0 }' "$work/out")"
    equal "and $handled" 1 "$(awk -F, -v o="$handled" '$11 == "op" && $2 == o { n = 1 } END { print n + 0 }' "$work/out")"
done < <(grep '^| 0x' "$page")
equal "each operation of EL2 is in the table" "$("$VIRTSIM" list operations --format csv | grep -c '"\?EL2 0x')" "$(grep -c '^| 0x.* | exit\.' "$page")"
reserved="02 0b 0f 10 23 29 2a 2b 2e 36 37 39 3b 3e 3f" # by the Arm ARM
for n in $(seq 0 63); do
    class=$(printf '%02x' "$n")
    case " $reserved " in *" $class "*) want=0 ;; *) want=1 ;; esac
    equal "class 0x$class" $want "$(grep -m1 -c "^| 0x$class |" "$page")"
done
finish
