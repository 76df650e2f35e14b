#!/bin/sh
# SPDX-License-Identifier: MIT
# MRS, MSR, SMC and WFE of Arm's guests: HCR_EL2 says which of them exit, nobody else has them, and a
# recording keeps them.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
db=$work/a.db
one() { sqlite3 "$db" "$1 and run = (select max(run) from run)"; }
count=20

# made REASON EXIT HANDLER TIMES [KNOB=VALUE]: so many of `count` exit, and have that handler; the others' time is the instruction's own
made() {
    # shellcheck disable=SC2086 # no fifth word: no setting
    ok "$1 ${5-}" "$VIRTSIM" run workloads/exit_microbench.lua --machine neoverse_n1_kvm --set workload.reason="$1" --set workload.count=$count --set workload.warmup=1 ${5:+--set $5} --db "$db" --quiet
    equal "$1 ${5-}: exits" "$4" "$(one "select coalesce(sum(n), 0) from op where op = '$2'")"
    equal "$1 ${5-}: handled" "$4" "$(one "select coalesce(sum(n), 0) from op where op = 'handler.$3'")"
    equal "$1 ${5-}: the guest's own" $((count - $4)) "$(one "select coalesce(sum(n), 0) from part where account = 'instruction.${1%%_*}'")"
}
made mrs_id exit.sys64.id cpu_id $count
made mrs_id exit.sys64.id cpu_id 0 el2.trap.id_registers=0
made mrs exit.sys64.read msr.read $count
made mrs exit.sys64.read msr.read 0 workload.mrs=CNTVCT_EL0
made mrs_vm exit.sys64.read msr.read 0
made mrs_vm exit.sys64.read msr.read $count el2.trap.vm_reads=1
made mrs exit.sys64.read msr.read 0 workload.mrs=MIDR_EL1
made msr exit.sys64.write msr.write $count
made msr exit.sys64.write msr.write 0 workload.msr=VBAR_EL1
made msr_vm exit.sys64.vm control_register 0
made msr_vm exit.sys64.vm control_register $count el2.trap.vm=1
made smc exit.smc64 hypercall $count
made smc exit.smc64 hypercall 0 el2.trap.smc=0
made wfe exit.wfx.wfe pause 0
made wfe exit.wfx.wfe pause $count el2.trap.wfe=1

# what does not exit takes as long as its knob says, in a guest and natively
for machine in neoverse_n1_kvm neoverse_n1_native; do
    for knob in mrs:CNTVCT_EL0 msr:VBAR_EL1 wfe; do
        name=${knob%:*}
        with=
        [ "$name" = "$knob" ] || with="--set workload.$name=${knob#*:}"
        # shellcheck disable=SC2086 # words
        ok "$name on $machine" "$VIRTSIM" run workloads/exit_microbench.lua --machine $machine --set workload.reason=$name $with --set workload.count=$count --set instruction.$name=600 --db "$db" --quiet
        equal "$name on $machine: 600 cycles of 3 GHz, less what a period of whole picoseconds leaves" 1 "$(one "select abs(total_ps / n - 200000) < 400 from part where account = 'instruction.$name'")"
    done
done
ok "SMC natively" "$VIRTSIM" run workloads/exit_microbench.lua --machine neoverse_n1_native --set workload.reason=smc --set workload.count=$count --db "$db" --quiet
equal "is the firmware's" $count "$(one "select n from part where account = 'instruction.smc'")"

# a name and its encoding are one register
printf 'guest(function(cpu) for _, r in ipairs { "ID_AA64MMFR0_EL1", "S3_0_C0_C7_0", "S3_0_C0_C4_7" } do cpu:mrs(r) end cpu:mrs("SCTLR_EL1") cpu:msr("S3_3_C15_C1_0", "0xffffffffffffffff") cpu:smc(0x84000000) cpu:wfe() end)\n' >"$work/all.lua"
ok "by encoding" "$VIRTSIM" run "$work/all.lua" --machine neoverse_n1_kvm --db "$db" --quiet
equal "three of the group of TID3" 3 "$(one "select n from op where op = 'exit.sys64.id'")"
equal "one that the implementation defines (TIDCP)" 1 "$(one "select n from op where op = 'exit.sys64.write'")"

# recorded and replayed: the same rows
for lua in "$work/all.lua" workloads/exit_microbench.lua; do
    set -- --machine neoverse_n1_kvm --set el2.trap.wfe=1
    [ "$lua" = "$work/all.lua" ] || set -- "$@" --set workload.count=20
    ok "recorded" "$VIRTSIM" run "$lua" "$@" --record "$work/all.vst" --db "$db" --quiet
    ok "replayed" "$VIRTSIM" replay "$work/all.vst" --db "$db" --quiet
    for t in op part child counter; do
        a=$(sqlite3 "$db" "select * from $t where run = (select max(run) - 1 from run)" | cut -d'|' -f2- | sort | cksum)
        equal "the rows of $t" "$a" "$(sqlite3 "$db" "select * from $t where run = (select max(run) from run)" | cut -d'|' -f2- | sort | cksum)"
    done
done
ok "recorded" "$VIRTSIM" run "$work/all.lua" --machine neoverse_n1_kvm --record "$work/all.vst" --db "$db" --quiet

# elsewhere: no such instruction
before=$(sqlite3 "$db" 'select count(*) from run')
for machine in skylake_sp_kvm zen2_rome_kvm; do
    for call in 'mrs("CNTVCT_EL0")' 'msr("SCTLR_EL1")' 'smc(0)' 'wfe()'; do
        printf 'guest(function(cpu)\n  cpu:compute(10)\n  cpu:%s\nend)\n' "$call" >"$work/x86.lua"
        refused "$call on $machine" 2 "x86.lua:3: ${call%%(*} is Arm's" "$VIRTSIM" run "$work/x86.lua" --machine $machine --db "$db"
    done
    refused "a recording with them on $machine" 2 "mrs is Arm's" "$VIRTSIM" replay "$work/all.vst" --machine $machine --db "$db"
    printf 'guest(function(cpu) for _, m in ipairs { "mrs", "msr", "smc", "wfe" } do assert(not cpu:has(m)) end end)\n' >"$work/has.lua"
    ok "cpu:has on $machine" "$VIRTSIM" run "$work/has.lua" --machine $machine --no-store --quiet
done
equal "and no run is stored" "$before" "$(sqlite3 "$db" 'select count(*) from run')"

# what is wrong with a register is said where it is named
wrong() { # call text
    printf 'guest(function(cpu)\n  cpu:%s\nend)\n' "$1" >"$work/wrong.lua"
    refused "$1" 1 "wrong.lua:2: $2" "$VIRTSIM" run "$work/wrong.lua" --machine neoverse_n1_kvm --db "$db"
}
wrong 'mrs("SCTRL_EL1")' "mrs: no system register of EL1 named 'SCTRL_EL1'"
wrong 'mrs()' "mrs: no system register"
wrong 'mrs("S3_0_C16_C0_0")' "mrs: no system register"
wrong 'mrs("S3_4_C1_C1_0")' "mrs: no system register"
wrong 'msr("S3_0_C0_C7_0")' "msr: S3_0_C0_C7_0 can only be read"
wrong 'msr("CNTVCT_EL0")' "msr: CNTVCT_EL0 can only be read"
wrong 'mrs("ICC_SGI1R_EL1")' "mrs: ICC_SGI1R_EL1 can only be written"
wrong 'smc(1 << 32)' "smc: number must be 0..4294967295"
finish
