#!/bin/sh
# SPDX-License-Identifier: MIT
# What is printed about where the time went adds up to all of it: the table of run, replay and show for each vCPU, and
# the tree of explain. Nothing is printed, or left out, that takes time back.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/t.db
export COLUMNS=250 # a row is a line

# adds_up "what" ROWS FILE: 100 % for each of so many time lines, as far as two decimals say
adds_up() {
    equal "$1" "$2 of $2" "$(awk -v lines="$2" '
        /^where the vCPUs. time went/ { on = 1; getline; next }
        !NF { on = 0 }
        on { sum[$1] += $(NF - 1); rows[$1]++; if ($(NF - 1) < 0) negative = 1 }
        END {
            for (v in sum) good += sum[v] > 99.99 - 0.005 * rows[v] && sum[v] < 100.01 + 0.005 * rows[v]
            print good + 0 " of " lines (negative ? ", and something takes time back" : "")
        }' "$3")"
}
run=0
# table LINES COMMAND INPUT OPTION...: as it is printed at once, and again by show
table() {
    lines=$1
    shift
    run=$((run + 1))
    "$VIRTSIM" "$@" --db "$db" >"$work/printed" 2>"$work/err" || head -2 "$work/err"
    adds_up "$*" "$lines" "$work/printed"
    "$VIRTSIM" show $run --db "$db" >"$work/printed" 2>&1
    adds_up "show of $*" "$lines" "$work/printed"
}
cd "$VIRTSIM_HOME" || exit 1
for i in $(seq 0 199); do printf 'I  %08x,4\n %s %08x,8\n' $((0x400000 + 60 * i)) "$([ $((i % 3)) = 0 ] && echo S || echo L)" $((0x40000ffc + 4096 * (i % 70))); done >"$work/t.lk"
touch="workload.footprint=4MiB"
table 1 run workloads/page_touch.lua --set $touch
table 1 run workloads/page_touch.lua --set $touch --set workload.backing=touch
table 1 run workloads/page_touch.lua --set $touch --set workload.backing=touch --set guest.page_size=thp --machine skylake_sp_native
table 1 run workloads/page_touch.lua --set $touch --set workload.backing=touch --set cpu.window=64 --set ept.prefetch.next_page=1
table 1 run workloads/page_touch.lua --set $touch --machine neoverse_n1_kvm --set workload.backing=touch
table 1 run workloads/page_table_edit.lua --set workload.count=1000 --set workload.warmup=1000 --set paging.mode=shadow
table 1 run workloads/page_table_edit.lua --set workload.count=1000 --set workload.warmup=1000 --machine zen2_rome_kvm
table 1 run workloads/udp_echo.lua --set workload.packets=200
table 1 run workloads/udp_echo.lua --set workload.packets=200 --set cpu.window=64
table 2 run workloads/ipi_pingpong.lua
table 2 run workloads/exit_mix.lua --set workload.count=20000 --set host.tick_hz=10000
table 4 run workloads/tlb_shootdown.lua --machine zen2_rome_kvm
table 4 run workloads/tlb_shootdown.lua --set workload.count=30 --set cpu.window=32
table 1 replay "$work/t.lk" --set replay.first_touch=fault
table 2 replay "$work/t.lk" "$work/t.lk" --set replay.first_touch=fault --set cpu.window=16 --set host.tick_hz=100000
table 1 replay "$work/t.lk" --set replay.first_touch=fault --warmup 77 --machine neoverse_n1_native
equal "everything was run" $run "$(sqlite3 "$db" 'select max(run) from run')"
equal "no row takes time back" 0 "$(sqlite3 "$db" 'select count(*) from vcpu_time where total_ps < 0')"
# what is printed is the view, gathered by what was done
for r in $(seq $run); do
    sqlite3 -separator , "$db" "select case who when 'line' then vcpu else vcpu || '/' || who end, case when op like 'exit.%'
        then 'exit transition' when op like 'handler.%' then 'handler' when op = 'walk' then 'page walk' when op like 'access.%'
        then 'memory' when op = 'timeline' then 'line' else op end as what, account, sum(n), sum(total_ps)
        from vcpu_time where run = $r group by 1, 2, 3 having sum(total_ps) <> 0" | sort >"$work/view"
    "$VIRTSIM" show "$r" --db "$db" --format csv | awk -F, '$11 == "time" { print $1 "," $2 "," $12 "," $3 "," $4 }' | sort >"$work/printed"
    ok "run $r has rows" test -s "$work/view"
    ok "times of run $r are those of vcpu_time" cmp "$work/view" "$work/printed"
done
# an operation of an actor is on a line as a whole, or not at all; but for what was under way when measuring began
equal "nothing is half on a line" 0 "$(sqlite3 "$db" "
    select count(*) from op o join (select run, child_actor as actor, child as op, sum(total_ps) as ps from child group by 1, 2, 3) c
    using (run, actor, op) where o.total_ps <> c.ps and (o.actor like 'vcpu%/guest' or o.actor like 'vcpu%/host')
    and not exists (select 1 from part p where p.run = o.run and p.account = 'sim.cut')")"
equal "parts of packets and of exits, too" 0 "$(sqlite3 "$db" 'select count(*) from unbalanced')"

# the tree of a line: its leaves, with what is too small to show. A part without a grade may be an operation whose own
# parts are all too small: then they are among these.
for r in $(seq $run); do
    "$VIRTSIM" explain timeline --run "$r" --db "$db" >"$work/tree" 2>&1
    "$VIRTSIM" explain timeline --run "$r" --db "$db" --format csv >"$work/rows" 2>&1
    equal "the tree of run $r" "" "$(python3 - "$work/tree" "$work/rows" <<'PY'
import csv, re, sys
row = re.compile(r"\s*-?[\d.]+\s+-?[\d.]+\s+(-?[\d.]+)% (.{12}) [^├└│]*(?:((?:│  |   )*)[├└]─ )?")
found = [m for m in map(row.match, open(sys.argv[1], encoding="utf-8")) if m]
depth = [-1 if m[3] is None else len(m[3]) // 3 for m in found]
share = [float(m[1]) for m in found]
leaf = [i for i in range(len(found)) if i + 1 == len(found) or depth[i + 1] <= depth[i]]
most = sum(share[i] for i in leaf)
least = most - sum(share[i] for i in leaf if depth[i] >= 0 and not found[i][2].strip())
slack = 0.05 * (len(leaf) + 1)
if not found or not least - slack <= 100 <= most + slack or min(share) < 0:
    print("printed:", round(least, 2), "to", round(most, 2), "% of", len(leaf), "leaves")
rows = [r for r in csv.DictReader(open(sys.argv[2], newline="")) if r["kind"] != "op"]
total = sum(float(r["share"]) for r in rows)
if not rows or abs(total - 1) > 0.00005 * (len(rows) + 1):
    print("rows:", total)
PY
)"
done
finish
