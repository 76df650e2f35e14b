#!/bin/sh
# SPDX-License-Identifier: MIT
# AMD machines leave their guests by #VMEXIT, Arm's by an exception to EL2: parts of a hypercall, and
# the vectors or HCR_EL2 decide.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
hypercall() { # machine, its own part, cycles
    machine=$1
    ok "a hypercall on $machine" "$VIRTSIM" explain exit.vmcall --machine $machine --quiet --db "$work/a.db"
    checks=$((checks + 1))
    if ! awk -v part="$2" -v want="$3" '/exit.vmcall of/ { c = $(NF - 4) } index($0, part) { d = 1 } /vmcs\./ { v = 1 }
        END { if (!d || v || c < want * 0.985 || c > want * 1.015) exit 1 }' "$work/out"; then
        failures=$((failures + 1))
        echo "FAILED: the parts of a hypercall on $machine"
        cat "$work/out"
    fi
}
hypercall zen2_rome_kvm svm.exit.detect 3388 # 1X095
hypercall zen3_milan_kvm svm.exit.detect 3388
hypercall neoverse_n1_kvm el2.exit.exception 918 # 2A016
run() {
    "$VIRTSIM" run workloads/exit_microbench.lua --machine "$1" --no-store --quiet --format csv \
        --set workload.reason=cpuid --set "$2" | grep -c 'exit\.cpuid'
}
equal "CPUID exits where its bit is set" 1 "$(run zen2_rome_kvm svm.intercept.cpuid=1)"
equal "CPUID runs in the guest where it is clear" 0 "$(run zen2_rome_kvm svm.intercept.cpuid=0)"
equal "identification registers are read in the guest without HCR_EL2.TID3" 0 \
    "$(run neoverse_n1_kvm el2.trap.id_registers=0)"
finish
