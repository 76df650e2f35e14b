#!/bin/sh
# SPDX-License-Identifier: MIT
# explain: the parts of the tree are the total; every operation has an answer or a reason; pictures.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/t.db

"$VIRTSIM" explain exit.cpuid --against document --db "$db" --quiet --format json --svg "$work/a.svg" >"$work/a.json" 2>"$work/err"
checks=$((checks + 1))
if ! python3 - "$work/a.json" "$work/a.svg" <<'PY'; then
import json, sys
import xml.etree.ElementTree as xml
rows = json.load(open(sys.argv[1]))
assert sorted({r["machine"] for r in rows}) == ["document", "skylake_sp_kvm"]
for m in ("document", "skylake_sp_kvm"):
    of = [r for r in rows if r["machine"] == m]
    leaves = sum(r["ns"] for r in of if r["kind"] != "op")
    assert of[0]["depth"] == 0 and abs(leaves - of[0]["ns"]) < 1e-6 * of[0]["ns"] + 0.01, (m, leaves, of[0])
assert abs([r for r in rows if r["machine"] == "document"][0]["ns"] - 800) < 0.01
svg = xml.parse(sys.argv[2]).getroot()
text = " ".join(t.text or "" for t in svg.iter("{http://www.w3.org/2000/svg}text"))
assert "exit.cpuid on skylake_sp_kvm" in text and "exit.cpuid on document" in text
assert "800.0 ns, 1600 cycles" in text and "assumed" in text
# bars of the second machine tile its total: each begins where one ended
width = {}
bars = [r for r in svg.iter("{http://www.w3.org/2000/svg}rect") if r.get("height") == "13"][-4:]
ends = {round(float(b.get("x")) + float(b.get("width"))) for b in bars}
assert sum(round(float(b.get("x"))) in ends for b in bars) == 3, [b.attrib for b in bars]
PY
    failures=$((failures + 1))
    echo "FAILED: two machines in one answer, leaves that sum to the total, a picture of both"
    head -3 "$work/err"
fi
ok "explain of a stored run" "$VIRTSIM" explain handler.cpu_id --run 1 --db "$db"
ok "explain of an operation nothing was made for, in a stored run" "$VIRTSIM" explain access.load --run 1 --db "$db"
equal "explain of a stored run runs nothing" 2 "$(sqlite3 "$db" 'select count(*) from run')"
refused "what did not happen says what did" 1 "what did: access.fetch, access.load" "$VIRTSIM" explain packet.rx --run 1 --db "$db"
refused "an actor that did not do it" 1 "of vcpu9/host" "$VIRTSIM" explain exit.cpuid --run 1 --actor vcpu9/host --db "$db"
refused "no exits on a native machine" 1 "(paging.mode = native), where nothing exits" "$VIRTSIM" explain exit.cpuid --machine skylake_sp_native --db "$db" --quiet
equal "and no control would change that" 0 "$(grep -c 'vmcs.control' "$work/err")"
refused "an exit that its control leaves out" 1 "vmcs.control" "$VIRTSIM" explain exit.hlt --workload workloads/gups.lua --set workload.count=1000 --set workload.warmup=1000 --set workload.footprint=4MiB --db "$db" --quiet
refused "shadow paging on a machine without a hypervisor" 2 "a machine with a hypervisor, such as skylake_sp_kvm" "$VIRTSIM" explain shadow.fault --machine skylake_sp_native --no-store --quiet
for machine in skylake_sp_kvm skylake_sp_native; do
    equal "a time line is that of the busiest vCPU, $machine" "timeline of vcpu0" "$("$VIRTSIM" explain timeline --machine $machine --no-store --quiet | sed -n 's/^\(timeline of vcpu[0-9]*\) .*/\1/p')"
done
refused "a stored run that is not there" 2 "no run 99" "$VIRTSIM" explain exit.cpuid --run 99 --db "$db"
refused "a stored run takes no machine" 2 "--run" "$VIRTSIM" explain exit.cpuid --run 1 --machine document --db "$db"
refused "a picture that cannot be written" 1 "no/such/folder" "$VIRTSIM" explain exit.cpuid --run 1 --db "$db" --svg "$work/no/such/folder/a.svg"
refused "an operation no workload is made for" 2 "--workload" "$VIRTSIM" explain exit.pml_full --db "$db"
refused "an operation that there is not" 2 "unknown operation" "$VIRTSIM" explain exit.quadruple_fault --db "$db"
for exit in interrupt_window preemption_timer apic_access apic_write tpr_below_threshold; do
    ok "exit.$exit has a workload" "$VIRTSIM" explain exit.$exit --db "$db" --quiet
done

# what is wrong is known before simulated time: with both machines, in one report, and nothing is stored
"$VIRTSIM" explain exit.cpuid --machine nosuch1 --against nosuch2 --set ept.no.such=1 --db "$work/new.db" --quiet >"$work/out" 2>"$work/err"
equal "wrong machines" 2 $?
for word in nosuch1 nosuch2 ept.no.such; do
    equal "the report names $word once" 1 "$(grep -c "$word" "$work/err")"
done
refused "the second machine is wrong" 2 "nosuch" "$VIRTSIM" explain exit.cpuid --against nosuch --db "$work/new.db" --quiet
refused "a wrong word and a wrong machine: the word" 2 "--seeds" "$VIRTSIM" explain exit.cpuid --seeds 2 --against nosuch --db "$work/new.db" --quiet
equal "and the machine" 1 "$(grep -c "nosuch" "$work/err")"
equal "leave no database" 0 "$(find "$work" -name 'new.db*' | wc -l)"
stdin() { "$VIRTSIM" explain access.load --workload - --db "$work/stdin.db" --quiet <"$VIRTSIM_HOME/workloads/traces/rowindex.lackey.zst"; }
ok "standard input is read once" stdin

# an exit for a lecture: phases in the order of time, 80 columns, sums that are the total
widest() { python3 -c 'import sys; print(max(len(line.rstrip("\n")) for line in sys.stdin))'; }
for pair in vmcall:skylake_sp_kvm vmmcall:zen3_milan_kvm hvc64:neoverse_n1_kvm; do
    exit=exit.${pair%:*} machine=${pair#*:}
    "$VIRTSIM" explain $exit --machine $machine --no-store --quiet >"$work/phases"
    ok "80 columns hold an exit of $machine" test "$(widest <"$work/phases")" -le 80
    equal "its phases stand in the order of time" "exit microcode,save guest,load host,the reason,load guest,entry microcode" \
        "$(echo $(grep -oE '(exit|entry) microcode$|(save|load) guest$|load host$|the reason$' "$work/phases" | tr '\n' ,) | sed 's/,$//')"
    "$VIRTSIM" explain $exit --by time --machine $machine --no-store --quiet --format csv >"$work/csv"
    equal "their sum is the exit's time" 1 "$(python3 - "$work/csv" <<'PY'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
total = float(rows[0]["ns"])
close = lambda kind: abs(sum(float(r["ns"]) for r in rows if r["kind"] == kind) - total) < 0.02
print(int(close("phase") and close("phase_part")))
PY
)"
done
equal "on AMD the lines of the VMCB are saved and loaded" 2 "$("$VIRTSIM" explain exit.cpuid --machine zen3_milan_kvm --no-store --quiet --format csv | grep -cE ',svm[.](exit[.]save|entry[.]load)_guest[.]lines,work,')"
"$VIRTSIM" explain exit.hypercall --against zen3_milan_kvm --no-store --quiet >"$work/both"
ok "two machines fit beside each other" test "$(widest <"$work/both")" -le 80
equal "phase by phase" 1 "$(grep -cE '^save guest +[0-9.]+ +[0-9.]+% .* +[0-9.]+ +[0-9.]+%' "$work/both")"
"$VIRTSIM" explain exit.cpuid --by size --brief --no-store --quiet >"$work/size"
ok "the largest part first" awk '/ the reason$/ { on = 1; next } on && /vmcs.entry|path out$|load guest$/ { exit bad } on { if (last && $1 > last) bad = 1; last = $1 }' "$work/size"
equal "a machine that states its sums has an input, no prediction" 1 "$("$VIRTSIM" explain exit.cpuid --machine document --no-store --quiet | grep -c '^input: ')"
"$VIRTSIM" explain exit.cpuid --cold --no-store --quiet --format csv >"$work/cold"
"$VIRTSIM" explain exit.cpuid --no-store --quiet --format csv >"$work/warm"
ok "the first exit waits for memory" test "$(sed -n 2p "$work/cold" | cut -d, -f6 | cut -d. -f1)" -gt "$(($(sed -n 2p "$work/warm" | cut -d, -f6 | cut -d. -f1) * 5))"
refused "--cold makes its own run" 2 "--cold" "$VIRTSIM" explain exit.cpuid --cold --run 1 --db "$db"
refused "there are two orders" 2 "time or size" "$VIRTSIM" explain exit.cpuid --by name --no-store
ok "an exit as a tree" "$VIRTSIM" explain exit.cpuid --tree --no-store --quiet
equal "has its handler as an operation" 1 "$(grep -c 'handler.cpu_id' "$work/out")"

# a sum that was measured is no assumption for who holds all of it, and only with the values it was measured for
assumed() { "$VIRTSIM" explain "$@" --no-store --quiet --tree --format csv | awk -F, '$4 != "op" { all += $6 } $9 == "assumed" { some += $6 } END { print int(100 * some / all + 0.5) }'; }
ok "little of a CPUID exit is assumed where its sums were measured" test "$(assumed exit.cpuid)" -le 15
ok "nor of an HVC" test "$(assumed exit.hvc64 --machine neoverse_n1_kvm)" -le 15
ok "another pace of the same instructions was not measured" test "$(assumed exit.cpuid --set cpu.ipc=2001)" -ge 50
ok "nor was the sum on another processor" test "$(assumed exit.cpuid --machine broadwell_ep_kvm)" -ge 50

# other names: one question, the same operation on each architecture
"$VIRTSIM" explain exit.hypercall --against zen2_rome_kvm --no-store --quiet --format csv >"$work/calls"
equal "a neutral name on two architectures" "skylake_sp_kvm exit.vmcall zen2_rome_kvm exit.vmmcall" "$(echo $(awk -F, '$2 == 0 { print $1, $3 }' "$work/calls"))"
equal "a name that stands for two explains each" "exit.rdmsr exit.wrmsr" "$(echo $("$VIRTSIM" explain exit.msr --no-store --quiet --format csv | awk -F, '$2 == 0 { print $3 }'))"
equal "of a stored run, what happened of the two" "handler.msr.read" "$("$VIRTSIM" run workloads/exit_microbench.lua --set workload.reason=rdmsr --db "$work/msr.db" --quiet >"$work/out" && "$VIRTSIM" explain handler.msr --run 1 --db "$work/msr.db" --format csv | awk -F, '$2 == 0 { print $3 }')"
refused "nothing of what a name stands for" 1 "exit.msr did not happen" "$VIRTSIM" explain exit.msr --run 1 --db "$db"
refused "a name nearly another one" 2 "did you mean 'exit.hypercall'" "$VIRTSIM" explain exit.hypercal --db "$db"

# every operation that has a workload happens in it
"$VIRTSIM" list operations --format csv | grep -v 'another name of' | tail -n +2 | cut -d, -f1 >"$work/ops"
while read -r op; do
    case $op in # of the workloads that take longest a part does
    access.load | access.store | walk) few="--set workload.count=2000 --set workload.warmup=2000 --set workload.footprint=4MiB" ;;
    timeline | access.fetch | exit.intr | exit.irq | exit.external_interrupt | exit.interrupt | handler.interrupt | helper.interrupt)
        few="--set workload.count=100000" ;;
    exit.excp | exit.exception_nmi | handler.exception | exit.data_abort.fault | exit.npf.fault | exit.ept_violation | page_fault | handler.stage2_fault)
        few="--set workload.footprint=4MiB" ;;
    exit.pf | translator.lookup | translator.translate) few="--set workload.footprint=1MiB" ;;
    shadow.* | exit.sys64.vm) few="--set workload.count=2000 --set workload.warmup=2000" ;;
    *) few="" ;;
    esac
    for machine in skylake_sp_kvm zen3_milan_kvm neoverse_n1_kvm skylake_sp_trap_and_emulate skylake_sp_tcg skylake_sp_binary_translation; do
        "$VIRTSIM" explain "$op" --machine $machine --no-store --quiet $few >"$work/out" 2>"$work/err" </dev/null
        status=$?
        if [ $status -ne 2 ] || ! grep -q 'have no such exit' "$work/err"; then break; fi
    done
    checks=$((checks + 1))
    if [ $status -eq 2 ] && grep -q 'no workload is made' "$work/err"; then continue; fi
    if [ $status -ne 0 ]; then
        failures=$((failures + 1))
        echo "FAILED: explain $op: status $status: $(head -1 "$work/err" | cut -c1-150)"
    fi
done <"$work/ops"
finish
