#!/bin/sh
# SPDX-License-Identifier: MIT
# Pages that a bound process's device lacks: page requests with PASID, which the kernel serves as faults of the process
# (PCI Express Base Specification 4.0, 10.4; VT-d specification 5.10, 7.4 to 7.8; Linux drivers/iommu/intel/prq.c,
# drivers/iommu/io-pgfault.c, drivers/iommu/iommu-sva.c).
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/s.db
cd "$VIRTSIM_HOME" || exit 1
on="iommu.enabled=1 iommu.mode=scalable ats.enabled=1 ats.pasid.width=20 ats.page_requests=32"
faults() { # WHAT SETTINGS...
    what=$1
    shift
    # shellcheck disable=SC2086 # words
    ok "$what" run_alone workloads/shared_faults.lua skylake_sp_native $on "$@"
    equal "$what: sums" 0 "$(sql 'select count(*) from unbalanced')"
}
count() { sql "select coalesce(sum(value), 0) from counter where name = '$1'" | cut -d. -f1; }
number() { sql "select coalesce(sum(n), 0) from op where op = '$1'"; }
mean() { sql "select coalesce(sum(total_ps) / sum(n), 0) from op where op = '$1'"; }

# each page once: asked for, served as a fault of the process, translated again
faults "three rounds over what is given back" rounds=3
equal "each page is asked for each time" "192 192 192 192" "$(count ats.page_requests) $(count iommu.page_requests) $(count iommu.page_responses) $(number page_fault)"
equal "each on an interrupt of its own, served in one go" "192 192" "$(count iommu.page_events) $(number page_request.serve)"
equal "and translated twice" 384 "$(number ats.translate)"
equal "nothing is refused" "0 0 0" "$(count iommu.faults) $(count dma_engine.refused) $(count ats.page_requests.invalid)"
request=$(mean ats.page_request)
ok "a request lasts longer than its kernel's work" test "$request" -gt "$(mean page_fault)"
plain=$(mean sva.unbind)
faults "a longer fault" guest.page_fault.handle.instructions=9000
ok "is waited for" test "$(mean ats.page_request)" -gt $((request + 1000000))
faults "a slower unit" iommu.register.read=1us
ok "is waited for: head and tail by each" test "$(mean ats.page_request)" -ge $((request + 1800000))
faults "what the process has touched" touched=50 op=read
equal "is there" 64 "$(count ats.page_requests)"
faults "large pages" guest.page_size=2M window=8388608 bytes=65536
equal "are one request each" "8 8" "$(count ats.page_requests) $(number page_fault)"
# shellcheck disable=SC2086 # words
ok "without the device's requests" run_alone workloads/shared_addresses.lua skylake_sp_native $on ats.page_requests=0
ok "unbinding has nothing to drain" test "$(mean sva.unbind)" -lt "$plain"

# groups: one response for all their pages, up to what may be under way
faults "transfers of 16 pages, a page at a time" bytes=65536
single=$(count dma_engine.time)
equal "a group each" "128 128" "$(count ats.page_requests) $(count ats.page_requests.groups)"
faults "eight at a time" bytes=65536 ats.page_requests.group=8
equal "are eight a group" "128 16 16 16" "$(count ats.page_requests) $(count ats.page_requests.groups) $(count iommu.page_responses) $(count iommu.page_events)"
ok "and faster" test "$(count dma_engine.time)" -lt $((single * 2 / 3))
faults "with three under way at most" bytes=65536 ats.page_requests.group=8 ats.page_requests=3
equal "three a group" "128 48" "$(count ats.page_requests) $(count ats.page_requests.groups)"

# a device that does as it likes
faults "a flood" attack=flood
ok "the queue overflows" test "$(count iommu.page_requests.lost)" -gt 0
equal "which is no fault" "0 0" "$(count iommu.faults) $(count dma_engine.refused)"
ok "one interrupt tells of many" test "$(count iommu.page_events)" -lt 400
ok "answers to what is no longer under way" test "$(count ats.page_requests.unexpected)" -gt 0
faults "a short flood" attack=flood messages=100
equal "does not overflow" 0 "$(count iommu.page_requests.lost)"
faults "groups that never end" attack=partial
equal "are never answered" 192 "$(count iommu.page_responses)"
faults "stop markers" attack=stop
equal "are read and dropped" "200 192 0" "$(count iommu.page_requests) $(count iommu.page_responses) $(count ats.page_requests.unexpected)"
faults "PASIDs that are not bound" attack=nobody
equal "are faults; the unit itself answers: Invalid Request" "70 70 70" "$(count iommu.page_requests.refused) $(count iommu.faults) $(count ats.page_requests.invalid)"
faults "what Linux does not serve" attack=kinds
equal "is invalid, and no fault of the unit" "97 0" "$(count ats.page_requests.invalid) $(count iommu.faults)"
faults "a process that is unbound" attack=unbound
equal "is nobody" "8 8" "$(count iommu.page_requests.refused) $(count ats.page_requests.invalid)"
faults "requests without PASID" attack=failure
equal "end the device's interface: Response Failure" "8 64" "$(count ats.page_requests.invalid) $(count dma_engine.refused)"
faults "all of them, by three functions" attack=all cores=3 nic.vfs=3 window=65536
equal "reach nothing that is another's" 0 "$(count dma_engine.withheld)"

# in a guest: the unit's event comes to its host, which hands the request on to the guest's own unit
native_request=$request
for machine in skylake_sp_kvm zen3_milan_kvm; do
    # shellcheck disable=SC2086 # words
    ok "$machine" run_alone workloads/shared_faults.lua $machine $on dma.viommu=nested rounds=3 window=65536
    equal "$machine: each page is asked for each time, and nothing is refused" "48 48 48 48 0 0" "$(count ats.page_requests) $(count iommu.page_requests) $(count iommu.page_responses) $(number page_fault) $(count iommu.faults) $(count dma_engine.refused)"
    equal "$machine: the host is interrupted, and then the guest" "48 48 48" "$(count iommu.page_events) $(count os.interrupts) $(number irq)"
    equal "$machine: sums" 0 "$(sql 'select count(*) from unbalanced')"
    ok "$machine: registers and responses of the guest's unit exit" test "$(mean ats.page_request)" -gt $((native_request + 15000000))
done
# shellcheck disable=SC2086 # words
ok "three machines" run_alone workloads/shared_faults.lua skylake_sp_kvm $on dma.viommu=nested window=65536 cores=3 nic.vfs=3 guest.vms=each bytes=16384 ats.page_requests.group=4
equal "groups of four, an interrupt each" "96 24 24 0" "$(count ats.page_requests) $(count ats.page_requests.groups) $(count os.interrupts) $(sql 'select count(*) from unbalanced')"
guest=$(mean ats.page_request)
# shellcheck disable=SC2086 # words
ok "a longer way through the host" run_alone workloads/shared_faults.lua skylake_sp_kvm $on dma.viommu=nested window=65536 cores=3 nic.vfs=3 guest.vms=each bytes=16384 ats.page_requests.group=4 hypervisor.viommu_fault.notify.instructions=9000
ok "is waited for" test "$(mean ats.page_request)" -gt $((guest + 1000000))

cat >"$work/kinds.lua" <<'EOF'
guest(function(cpu)
  local h = cpu:map { bytes = "16KiB", backing = "touch" }
  local p = cpu:sva_bind()
  for _, mode in ipairs { "privileged", "execute" } do
    if cpu:sva_device { address = h:address(), pasid = p, count = 4, mode = mode } ~= 0 then error(mode) end
  end
  if cpu:sva_device { address = 1 << 46, pasid = p, count = 4 } ~= 0 then error("nobody's") end
end)
EOF
for machine in skylake_sp_native skylake_sp_kvm; do
    rm -f "$db"
    # shellcheck disable=SC2046,SC2086 # words
    ok "$machine: kinds that Linux does not serve, and memory of nobody" "$VIRTSIM" run "$work/kinds.lua" --quiet --db "$db" -m $machine $(for s in $on $(test $machine = skylake_sp_native || echo dma.viommu=nested); do echo "--set $s"; done)
    equal "$machine: are invalid, and nobody's page" "12 0 0 0" "$(count ats.page_requests.invalid) $(number page_fault) $(count ats.page_requests.unexpected) $(sql 'select count(*) from unbalanced')"
done
equal "a guest sees what its host does not refuse" "12 4" "$(count iommu.page_events) $(count os.interrupts)"

printf 'guest(function(cpu) local h = cpu:map { bytes = "64KiB", backing = "touch" } local p = cpu:sva_bind() cpu:sva_device { address = h:address(), pasid = p, count = 16, op = "write" } for k = 0, 15 do cpu:load(h:address() + k * 4096) end end)\n' >"$work/then.lua"
rm -f "$db"
# shellcheck disable=SC2046,SC2086 # words
ok "what the device has brought" "$VIRTSIM" run "$work/then.lua" --quiet --db "$db" -m skylake_sp_native $(for s in $on; do echo "--set $s"; done)
equal "the process finds" 16 "$(number page_fault)"
printf 'guest(function(cpu) local p = cpu:sva_bind() cpu:sva_pages { address = 0, pasid = p } end)\n' >"$work/ask.lua"
native="-m skylake_sp_native --set iommu.enabled=1 --set iommu.mode=scalable --set ats.pasid.width=20"
# shellcheck disable=SC2086 # words
refused "a device that asks for none" 2 "set ats.page_requests = 1" "$VIRTSIM" run "$work/ask.lua" --no-store $native
# shellcheck disable=SC2086 # words
refused "no PASIDs" 2 "set iommu.enabled = 1, iommu.first_level = 1 and ats.pasid.width = 20" "$VIRTSIM" run "$work/ask.lua" --no-store $native --set ats.enabled=1 --set ats.page_requests=1 --set ats.pasid.width=0
finish
