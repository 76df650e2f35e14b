#!/bin/sh
# SPDX-License-Identifier: MIT
# Page requests (PCI Express Base Specification 4.0, 10.4; VT-d specification 3.x, 7.5): a device meets memory of its
# machine that has no frame yet, asks for the page, and goes on when the host has given it one.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/p.db
cd "$VIRTSIM_HOME" || exit 1
on="iommu.mode=scalable ats.enabled=1 ats.page_requests=1"
faults() { # WHAT MACHINE SETTINGS...
    what=$1 machine=$2
    shift 2
    # shellcheck disable=SC2086 # words
    ok "$what" run_alone workloads/device_faults.lua "$machine" $on window=1048576 "$@"
    equal "$what: sums, no fault" "0" "$(sql 'select count(*) from unbalanced')$(count iommu.faults | sed 's/^0$//')"
}
count() { sql "select coalesce(sum(value), 0) from counter where name = '$1'" | cut -d. -f1; }
number() { sql "select coalesce(sum(n), 0) from op where op = '$1'"; }
mean() { sql "select coalesce(sum(total_ps) / sum(n), 0) from op where op = '$1'"; }

for machine in skylake_sp_kvm zen3_milan_kvm; do
    faults "$machine" $machine
    equal "$machine: each page is asked for once" "256 256 256 256" "$(count ats.page_requests) $(number ats.page_request) $(count iommu.page_requests) $(count iommu.page_responses)"
    equal "$machine: and translated again then, and again when the TLB has forgotten it" "768" "$(number ats.translate)"
    equal "$machine: all transfers are done" "512 0" "$(count dma_engine.transfers) $(count dma_engine.refused)"
    equal "$machine: served in the host, on an exit each" "256 256" "$(number page_request.serve) $(sql "select sum(n) from op where op in ('exit.external_interrupt', 'exit.vmexit_intr', 'exit.intr')")"
done
faults "a larger TLB of the device" skylake_sp_kvm ats.tlb.entries=512
equal "has the second round's translations" 512 "$(number ats.translate)"
request=$(mean ats.page_request)
ok "a request lasts longer than the host serves it" test "$request" -gt "$(mean page_request.serve)"
faults "a longer handler" skylake_sp_kvm hypervisor.page_request.serve.instructions=24000
ok "is waited for" test "$(mean ats.page_request)" -gt "$request"
faults "writes, several under way" skylake_sp_kvm op=write outstanding=8
equal "are all served" "256 0" "$(count ats.page_requests) $(count dma_engine.refused)"
faults "host pages of 2 MiB" skylake_sp_kvm host.page_size=2M
equal "are a request each, for all the guest's pages that lie in one" "$(count host.pages.large)" "$(count ats.page_requests)"
ok "which are fewer" test "$(count ats.page_requests)" -lt 256

# what is pinned before is there; what is nowhere never comes
faults "an assigned machine" skylake_sp_kvm dma.assigned_in_time=1 guest.memory=64MiB
equal "has all of its memory pinned" "0 0" "$(count ats.page_requests) $(count dma_engine.refused)"
# shellcheck disable=SC2086 # words
ok "beyond its memory" run_alone workloads/dma_attack.lua skylake_sp_kvm $on attack=beyond verdict=nothing count=8
equal "there is no page" "16 16 16" "$(count ats.page_requests) $(count ats.page_requests.invalid) $(count dma_engine.refused)"
# shellcheck disable=SC2086 # words
ok "packets" run_alone workloads/udp_echo.lua skylake_sp_kvm $on packets=300 warmup=50
equal "lack nothing: rings and buffers are there" 0 "$(count ats.page_requests)"

printf 'for i = 0, 1 do guest { vcpu = i, run = function(cpu) local r = cpu:map { bytes = "256KiB", backing = "host_touch" } for _ = 1, 3 do cpu:dma { region = r, bytes = 64, stride = 4096, count = 64, op = "both", order = "sequential" } cpu:cpuid(0) end end } end\n' >"$work/two.lua"
rm -f "$db"
# shellcheck disable=SC2046,SC2086 # words
ok "two vCPUs" "$VIRTSIM" run "$work/two.lua" --quiet --db "$db" $(for s in $on nic.vfs=2; do echo "--set $s"; done)
equal "have theirs served" "128 0" "$(count ats.page_requests) $(count dma_engine.refused)"
equal "two vCPUs: sums" 0 "$(sql 'select count(*) from unbalanced')"
# shellcheck disable=SC2046,SC2086 # words
ok "a recording" "$VIRTSIM" run workloads/device_faults.lua $(for s in $on workload.window=64KiB; do echo "--set $s"; done) --record "$work/r.vsr" --quiet --db "$work/r.db"
ok "replays" "$VIRTSIM" replay "$work/r.vsr" --quiet --db "$work/r.db"
equal "with the same rows" 1 "$(sqlite3 "$work/r.db" "select count(distinct total_ps) from op where op = 'ats.page_request'")"

deny() { # WHAT TEXT MACHINE SETTINGS...
    what=$1 text=$2 machine=$3
    shift 3
    # shellcheck disable=SC2046 # words
    refused "$what" 2 "$text" "$VIRTSIM" run workloads/device_faults.lua --no-store -m "$machine" $(for s in ats.page_requests=1 "$@"; do echo "--set $s"; done)
}
deny "without services" "ats.enabled = 1" skylake_sp_kvm iommu.mode=scalable
deny "legacy mode" "iommu.mode = scalable" skylake_sp_kvm ats.enabled=1
deny "bare metal" "a process that is bound to its device" skylake_sp_native iommu.enabled=1 iommu.mode=scalable ats.enabled=1
deny "a guest's own IOMMU" "dma.viommu = none" skylake_sp_kvm iommu.mode=scalable ats.enabled=1 dma.viommu=nested
deny "Arm" "no program page_request" neoverse_n1_kvm iommu.mode=scalable ats.enabled=1
refused "memory that is not there, without page requests" 1 "not all of the region has memory behind it" "$VIRTSIM" run workloads/device_faults.lua --no-store
finish
