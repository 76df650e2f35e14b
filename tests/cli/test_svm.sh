#!/bin/sh
# SPDX-License-Identifier: MIT
# AMD machines leave their guests by #VMEXIT: parts of a hypercall, and the vectors decide.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
for machine in zen2_rome_kvm zen3_milan_kvm; do
    ok "a hypercall on $machine" "$VIRTSIM" explain exit.vmcall --machine $machine --quiet --db "$work/a.db"
    checks=$((checks + 1))
    # 1X095: 3388 cycles
    if ! awk '/exit.vmcall of/ { c = $(NF - 4) } /svm.exit.detect/ { d = 1 } /vmcs\./ { v = 1 }
        END { if (!d || v || c < 3350 || c > 3430) exit 1 }' "$work/out"; then
        failures=$((failures + 1))
        echo "FAILED: the parts of a hypercall on $machine"
        cat "$work/out"
    fi
done
run() {
    "$VIRTSIM" run workloads/exit_microbench.lua --machine zen2_rome_kvm --no-store --quiet --format csv \
        --set workload.reason=cpuid --set "svm.intercept.cpuid=$1" | grep -c 'exit\.cpuid'
}
equal "CPUID exits where its bit is set" 1 "$(run 1)"
equal "CPUID runs in the guest where it is clear" 0 "$(run 0)"
finish
