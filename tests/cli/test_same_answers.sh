#!/bin/sh
# SPDX-License-Identifier: MIT
# A wrong request gets the same answer from every command: status 2, a message, no database, nothing beside it.
. "$VIRTSIM_HOME/tests/lib.inc"
small="--set workload.count=500 --set workload.footprint=1MiB --quiet"
trace=workloads/traces/rowindex.lackey.zst
cd "$VIRTSIM_HOME" || exit 1
mkdir "$work/db"

# command NAME: its words for one workload of gups, a replay of a trace, ...
command_of() {
    case $1 in
    run) echo "run workloads/gups.lua $small" ;;
    sweep) echo "sweep workloads/gups.lua $small --vary cpu.clock.mhz=2000,3000" ;;
    sweep-j2) echo "sweep workloads/gups.lua $small --vary cpu.clock.mhz=2000,3000 -j 2" ;;
    replay) echo "replay $trace --limit 1000 --quiet" ;;
    sweep-trace) echo "sweep $trace --limit 1000 --quiet --vary cpu.clock.mhz=2000,3000" ;;
    explain) echo "explain access.load --workload workloads/gups.lua $small" ;;
    against) echo "explain access.load --workload workloads/gups.lua $small --against skylake_sp_native" ;;
    esac
}
all="run sweep sweep-j2 replay sweep-trace explain against"

# wrong "what" "text" "commands" OPTION...: refused by each of them, in the same words
wrong() {
    what=$1 text=$2 commands=$3
    shift 3
    for c in $commands; do
        # shellcheck disable=SC2046 # words
        refused "$c: $what" 2 "$text" timeout 60 "$VIRTSIM" $(command_of "$c") --db "$work/db/t.db" "$@"
        equal "$c: $what: nothing is left" "" "$(ls "$work/db")"
        rm -rf "$work/db"/*
    done
}
wrong "an unknown knob" "did you mean 'ept.l2_tlb.entries'" "$all" --set ept.l2_tlb.entrie=4
wrong "a value out of bounds" "cpu.clock.mhz" "run replay explain against" --set cpu.clock.mhz=0
wrong "what is no setting" "PATH=VALUE" "$all" --set nonsense
wrong "a value that is none" "is not one of" "$all" --set paging.mode=sideways
wrong "knobs that contradict each other" "ept.l2_tlb" "$all" --set ept.l2_tlb.entries=1537
wrong "an unknown machine" "did you mean" "$all" --machine skylake_sp_kv
wrong "a machine that is no file" "no/such" "$all" --machine no/such.lua
wrong "an unknown format" "table, json, csv or md" "$all" --format xml
wrong "an epoch without a unit" "100us" "$all" --epoch 100
wrong "a seed that is none" "--seed" "$all" --seed -1
wrong "a warm-up that is none" "--warmup" "$all" --warmup some
wrong "too many spans" "--spans" "$all" --spans 1000000000
wrong "options of traces" "--skip" "run sweep explain" --skip 5
wrong "no records" "--limit" "$all" --limit 0
wrong "a recording beside several runs" "--record" "sweep sweep-trace against" --record "$work/db/x.vst"
wrong "a recording in a folder's place" "--record" "run replay explain" --record "$work"
wrong "a trace's format that is none" "nosuch" "replay sweep-trace" --trace-format nosuch
wrong "a workload's parameter out of bounds" "workload.count" "run sweep explain" --set workload.count=0
wrong "more than the machine has" "larger than guest.memory" "run sweep sweep-j2 explain against" --set workload.footprint=4TiB
wrong "two mistakes: the first" "ept.nothing" "$all" --set ept.nothing=1 --set cpu.nothing=2
wrong "two mistakes: the second" "cpu.nothing" "$all" --set ept.nothing=1 --set cpu.nothing=2
wrong "an option of the database beside a wrong knob" "--db" "$all" --set ept.nothing=1 --db "$work/no/such/folder/t.db"

# inputs that are wrong; where each command takes its input
for c in run sweep explain; do
    case $c in
    run) with="run" tail="" ;;
    sweep) with="sweep" tail="--vary cpu.clock.mhz=2000,3000" ;;
    explain) with="explain access.load --workload" tail="" ;;
    esac
    # input "what" "text" FILE
    input() {
        # shellcheck disable=SC2086 # words
        refused "$c: $1" 2 "$2" timeout 60 "$VIRTSIM" $with "$3" $tail ${4:-} --quiet --db "$work/db/t.db"
        equal "$c: $1: nothing is left" "" "$(ls "$work/db")"
        rm -rf "$work/db"/*
    }
    printf 'guest(function(cpu) cpu:load(' >"$work/cut.lua"
    input "half a script" "cut.lua" "$work/cut.lua"
    : >"$work/empty.lua"
    input "an empty script" "empty.lua" "$work/empty.lua"
    input "no script" "missing.lua" "$work/missing.lua"
    # what is asked late, but without a long wait: a page, an access and then more than there is
    printf 'guest(function(cpu) local r = cpu:map { bytes = 4096 } cpu:store(r) cpu:mark("here")\ncpu:map { bytes = "64TiB" } end)' >"$work/late.lua"
    input "more memory than there is, after an access" "larger than guest.memory" "$work/late.lua"
    # and after something long: each point says so when it is there
    printf 'guest(function(cpu) cpu:compute(1000000)\ncpu:map { bytes = "64TiB" } end)' >"$work/long.lua"
    input "more memory than there is, after long work" "larger than guest.memory" "$work/long.lua"
    printf 'guest(function(cpu) cpu:send { bytes = 64 } end)' >"$work/send.lua"
    input "a packet without a NIC" "no NIC" "$work/send.lua" "--set nic.present=0"
    : >"$work/empty.lackey"
    [ $c = run ] || input "an empty trace" "empty.lackey" "$work/empty.lackey"
    [ $c = run ] || input "no trace" "missing.trace" "$work/missing.trace"
done
refused "replay: an empty trace" 2 "empty.lackey" "$VIRTSIM" replay "$work/empty.lackey" --db "$work/db/t.db"
refused "replay: no trace" 2 "missing.trace" "$VIRTSIM" replay "$work/missing.trace" --db "$work/db/t.db"
refused "compare: no such domain" 2 "nosuch" "$VIRTSIM" compare --domain nosuch --db "$work/db/t.db"
refused "compare: stored runs only, of none" 2 "no such database" "$VIRTSIM" compare --no-run --db "$work/db/t.db"
equal "nothing is left" "" "$(ls "$work/db")"

# databases that cannot be: each command, before it simulates
mkdir "$work/folder.db"
echo "not a database, but long enough to be one: $(seq 1 200)" >"$work/text.db"
zstd -q -d "$VIRTSIM_HOME/tests/data/schema2.db.zst" -o "$work/old.db"
for c in $all; do
    for kind in folder text old; do
        case $kind in folder) text="is a folder" ;; text) text="text.db" ;; old) text="virtsim db upgrade" ;; esac
        # shellcheck disable=SC2046 # words
        refused "$c: a database that is a $kind" 2 "$text" timeout 60 "$VIRTSIM" $(command_of "$c") --db "$work/$kind.db"
    done
done

# what comes later fails with 1, and leaves no database that it made
printf 'guest(function(cpu) cpu:compute(1000) error("on purpose") end)' >"$work/fails.lua"
for c in "run $work/fails.lua" "sweep $work/fails.lua --vary cpu.clock.mhz=2000,3000" "explain access.load --workload $work/fails.lua"; do
    # shellcheck disable=SC2086 # words
    refused "${c%% *}: a script that fails" 1 "on purpose" timeout 60 "$VIRTSIM" $c --quiet --db "$work/db/t.db"
    equal "${c%% *}: a run that fails leaves nothing" "" "$(ls "$work/db")"
done

# a database that another process keeps locked
"$VIRTSIM" run workloads/gups.lua $small --db "$work/locked.db" >/dev/null
hold "$work/locked.db" exclusive
for c in run sweep explain; do
    # shellcheck disable=SC2046 # words
    refused "$c: a locked database" 2 "locked" timeout 20 "$VIRTSIM" $(command_of $c) --db "$work/locked.db"
    equal "$c: the last word names who, for how long, and what to do" 1 \
        "$(grep -c "locked.db: .*: process $holder keeps it locked, also after 5 s of waiting; try again when that has ended" "$work/err")"
    equal "$c: who keeps it locked is said once, while it is waited for" 1 "$(grep -c "locked.db: process $holder keeps it locked; waiting for up to 5 s" "$work/err")"
done
let_go

# a message does not advise what was just done
head -c 10000 "$work/locked.db" >"$work/torn.db"
refused "a torn database" 2 "malformed" "$VIRTSIM" db check "$work/torn.db"
equal "is not sent to the command that said so" 0 "$(grep -c "virtsim db check" "$work/err")"
refused "another command" 2 "'virtsim db check' says more" "$VIRTSIM" list runs --db "$work/torn.db"

# a full disk and a reader who is gone
for c in --version --help "run --help" "list machines" "list knobs" "show 1 --db $work/locked.db" "show 1 --db $work/locked.db --format json" \
    "diff 1 1 --db $work/locked.db" "db digest $work/locked.db" "list runs --db $work/locked.db" "explain exit.cpuid --no-store --quiet" \
    "run workloads/gups.lua $small --no-store" "run workloads/gups.lua --dry-run" "compare --help"; do
    checks=$((checks + 2))
    # shellcheck disable=SC2086 # words
    "$VIRTSIM" $c >/dev/full 2>"$work/err"
    got=$?
    if [ $got -ne 1 ] || ! grep -q "cannot write the output" "$work/err"; then
        failures=$((failures + 1))
        echo "FAILED: $c on a full disk: status $got"
    fi
    # shellcheck disable=SC2086 # words
    python3 - "$VIRTSIM" $c <<'PY' || { failures=$((failures + 1)); echo "FAILED: $c with a closed pipe looks like success"; }
import os, signal, subprocess, sys
for ignored in (False, True):
    r, w = os.pipe()
    os.close(r)
    p = subprocess.run(sys.argv[1:], stdout=w, stderr=subprocess.DEVNULL, restore_signals=not ignored)
    os.close(w)
    if p.returncode == 0:
        sys.exit(1)
PY
done
finish
