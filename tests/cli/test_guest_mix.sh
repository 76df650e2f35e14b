#!/bin/sh
# SPDX-License-Identifier: MIT
# Guests of five kinds: each does what its table says, the same on bare metal as under a hypervisor, and a run says
# how many instructions a cycle it got, how busy it was and what percent of bare metal that is.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
db=$work/t.db
mix() { # machine mix settings...
    machine=$1 kind=$2
    shift 2
    "$VIRTSIM" run workloads/guest_mix.lua --machine "$machine" --set "workload.mix=$kind" --set workload.instructions=10000000 "$@" --quiet --db "$db" >/dev/null
}

for kind in kernel_build web_server database hpc; do
    ok "$kind natively" mix skylake_sp_native "$kind"
    ok "$kind under KVM" mix skylake_sp_kvm "$kind"
done
equal "the work is the same on both" 0 "$(sql "
    select count(*) from run n join run v on v.run = n.run + 1 where n.run % 2 = 1 and abs(1 -
    (select 1.0 * sum(value) from counter where run = n.run and name = 'cpu.instructions' and actor = 'vcpu0/guest') /
    (select sum(value) from counter where run = v.run and name = 'cpu.instructions' and actor = 'vcpu0/guest')) > 0.01")"
# events of 10 million instructions, run 1 to 8: as the file's table has them
n() { sql "select $2 from (select sum(n) n from op where run = $1 and actor = 'vcpu0/guest' and op = '$3')"; }
for run in 1 2; do
    equal "13 page faults in a million instructions of a kernel build" 130 "$(n $run n page_fault)"
    equal "its walks are half of a thousandth" 1 "$(n $run 'n between 4500 and 5900' walk)"
done
for run in 3 4; do
    equal "a web server's page faults" 1 "$(n $run 'n between 65 and 66' page_fault)"
    equal "one request in 173000 instructions" 1 "$(sql "select value between 55 and 60 from counter where run = $run and name = 'nic.tx_packets' and value > 0")"
    equal "ten changes of its process in a million instructions" 1 "$(sql "select n between 100 and 110 from part where run = $run and account = 'instruction.mov_cr' and actor = 'vcpu0' and op = 'timeline'")"
    equal "its walks" 1 "$(n $run 'n between 16000 and 19000' walk)"
done

# how much of bare metal
equal "bare metal is all of itself" "100.0 100.0 100.0 100.0" "$(echo $(sql "select round(percent_of_native, 1) from work_rate join run using (run) where machine like '%_native' order by run"))"
equal "a guest is less, and is set beside the run of its own mix" "1 3 5 7" "$(echo $(sql "select native_run from work_rate join run using (run) where machine like '%_kvm' and percent_of_native between 50 and 99.9 order by run"))"
equal "which is one run time by the other" 0 "$(sql "
    select count(*) from work_rate w join run r using (run) join run n on n.run = w.native_run
     where abs(percent_of_native - 100.0 * (n.end_ps - n.roi_ps) / (r.end_ps - r.roi_ps)) > 1e-9")"
equal "nobody gets more instructions a cycle than the core has" 0 "$(sql "select count(*) from work_rate where ipc is null or ipc > 2 or ipc < 0.1")"
ok "show" env COLUMNS=200 "$VIRTSIM" show 2 --db "$db"
equal "says so" "1" "$(grep -c '^[0-9.]* instructions a cycle, busy 100.00 % of the time, [0-9.]* % of bare metal (run 1)$' "$work/out")"
ok "a native run" env COLUMNS=200 "$VIRTSIM" show 1 --db "$db"
equal "has nothing to be set beside" 1 "$(grep -c '^[0-9.]* instructions a cycle, busy 100.00 % of the time$' "$work/out")"
share() { sql "select round(percent_of_native, 3) from work_rate where run = (select max(run) from run)"; }
less() { awk -v a="$1" -v b="$2" 'BEGIN { print (a < b) }'; }
small=$(sql "select percent_of_native from work_rate where run = 4")
mix skylake_sp_kvm web_server --set host.page_size=2M
equal "with large pages of the host a guest gets more" 1 "$(less "$small" "$(share)")"
mix skylake_sp_native web_server --set workload.device=emulated
mix skylake_sp_kvm web_server --set workload.device=emulated
emulated=$(share)
equal "an emulated device takes more from it than one of its own" 1 "$(less "$emulated" "$small")"
mix zen2_rome_kvm web_server
equal "without a native run on its part there is nothing to say" "" "$(share)"
ok "an idle guest" mix skylake_sp_kvm idle
equal "is idle" 1 "$(sql "select utilization < 0.01 from work_rate where run = (select max(run) from run)")"
ok "on Arm, too" mix neoverse_n1_kvm kernel_build
refused "a mix that is none" 2 "kernel_build|web_server|database|idle|hpc" "$VIRTSIM" run workloads/guest_mix.lua --set workload.mix=games --db "$db"

# a run is measured when all that its processes have has been touched: what shadow tables lack then are the pages of
# page faults, however much memory there is
hidden() { # hidden MACHINE MIB [OPTION...]: hidden faults, and page faults, of a run of that footprint
    on=$1 size=$2
    shift 2
    mix "$on" web_server --set "workload.footprint=$size" "$@"
    sql "select (select sum(n) from op where run = m and op = 'shadow.fault') || ' ' || (select sum(n) from op where run = m and op = 'page_fault') from (select max(run) m from run)"
}
for on in skylake_sp_trap_and_emulate skylake_sp_binary_translation "skylake_sp_kvm --set=paging.mode=shadow"; do
    # shellcheck disable=SC2086
    set -- $on
    few=$(hidden "$1" 8 ${2:+"$2"})
    equal "hidden faults of $1 are the same of 8 MiB and of 64" "$few" "$(hidden "$1" 64 ${2:+"$2"})"
    equal "and at most three for a page fault" 1 "$(awk '{ print ($1 <= 3 * $2) }' <<X
$few
X
)"
done
violations() { sql "select total(n) from op where run = (select max(run) from run) and op = 'exit.ept_violation'" | cut -d. -f1; }
mix skylake_sp_kvm web_server --set workload.footprint=64
equal "nor is a page missing in the second dimension" 0 "$(violations)"

# a database that was made before the view
sql "drop view work_rate"
ok "show without it" env COLUMNS=200 "$VIRTSIM" show 2 --db "$db"
equal "leaves the line out" 0 "$(grep -c 'of bare metal' "$work/out")"
mix skylake_sp_kvm idle
equal "it comes with the next run" 1 "$(sql "select count(*) from sqlite_master where name = 'work_rate'")"
finish
