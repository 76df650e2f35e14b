#!/bin/sh
# SPDX-License-Identifier: MIT
# list facts and the table `fact`: what architectures and machines have is counted in the code that simulates them, so
# that a line more in a table is one more there, and it is what compare sets beside the documents' counts.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
db=$work/t.db
# fact NAME [MACHINE]: its value
fact() { "$VIRTSIM" list facts ${2:+"$2"} --format csv | awk -F, -v name="$1" '$1 == name { print $2 }'; }

# counted in the tables
lines() { grep -c "^$1(" "$2"; }
equal "VMX's instructions" "$(($(lines VS_VMX_INSTRUCTION model/vmcs/instructions.def) + $(lines VS_VMX_CALL model/vmcs/instructions.def)))" "$(fact vmx.instructions)"
equal "fields of the VMCS" "$(lines VS_VMCS_FIELD model/vmcs/vmcs_fields.def)" "$(fact vmx.vmcs.fields)"
equal "in groups that have no others" "$(fact vmx.vmcs.fields)" \
    "$("$VIRTSIM" list facts --format csv | awk -F, '/^vmx.vmcs.fields\./ { n += $2 } END { print n }')"
equal "basic exit reasons" "$(($(lines VS_VMX_REASON model/vmcs/reasons.def) + $(lines VS_VMX_UNREACHED model/vmcs/reasons.def)))" "$(fact vmx.basic_exit_reasons)"
equal "SVM's exits" "$(lines VS_SVM_EXIT model/svm/codes.def)" "$(fact svm.exits.reached)"
equal "every one has a source" 0 "$("$VIRTSIM" list facts --format csv | python3 -c 'import csv, sys; print(sum(not r["source"] for r in csv.DictReader(sys.stdin)))')"

# a line planted in a table is one more: the files that count, compiled with that table
if command -v cc >/dev/null; then
    mkdir "$work/tree"
    cp -r include model "$work/tree"
    cat >"$work/main.c" <<'C'
#include "el2/el2_world.h"
#include "svm/svm_world.h"
#include "vmcs/vmcs_world.h"
#include <stdio.h>
static void print(void *ctx, const struct vs_fact *f) { (void)ctx; printf("%s %d\n", f->name, (int)f->value); }
const struct vs_vmcs_field vs_vmcs_fields[VS_VMCS_FIELDS] = {
#define VS_VMCS_FIELD(name, encoding, width, area, exists, group, text) {#name, text, encoding, 0, VS_VMCS_##width, VS_VMCS_##area, 0},
#include "vmcs/vmcs_fields.def"
};
int main(void)
{
    const struct vs_facts to = {NULL, print};
    vs_vmx_facts(&to);
    vs_svm_facts(&to);
    vs_el2_facts(&to);
    return 0;
}
C
    counted() {
        (cd "$work/tree" && cc -std=c17 -D_POSIX_C_SOURCE=200809L -Iinclude -Imodel -ffunction-sections -fdata-sections \
            -Wl,--gc-sections -o "$work/facts" "$work/main.c" model/vmcs/vmcs_facts.c model/svm/svm_facts.c model/el2/el2_facts.c) &&
            "$work/facts" | sort >"$1"
    }
    ok "the files that count compile alone" counted "$work/before"
    equal "and say what the program says" "$(awk '{ print $2 }' "$work/before" | paste -sd' ')" \
        "$("$VIRTSIM" list facts --format csv | awk -F, '/^(vmx|svm|el2)\./ { print $1 " " $2 }' | sort | awk '{ print $2 }' | paste -sd' ')"
    plant() { sed -i "0,/^$2(/s//$3\n&/" "$work/tree/model/$1"; }
    plant vmcs/instructions.def VS_VMX_CALL 'VS_VMX_CALL(VMNEW)'
    plant vmcs/vmcs_fields.def VS_VMCS_FIELD 'VS_VMCS_FIELD(HOST_NEW, 0x0001, 16, HOST, ALWAYS, SEGMENT, "planted")'
    plant vmcs/reasons.def VS_VMX_UNREACHED 'VS_VMX_UNREACHED(99, "planted", "-", "planted")'
    plant svm/instructions.def VS_SVM_NEUTRAL 'VS_SVM_NEUTRAL(VMNEW)'
    plant el2/classes.def VS_EL2_UNREACHED 'VS_EL2_UNREACHED(0x3f, "planted", "-", "planted")'
    sed -i 's/EXIT_REASON, 0x4402, 32,/EXIT_REASON, 0x4402, 64,/' "$work/tree/model/vmcs/vmcs_fields.def"
    sed -i 's/(a & 0xfff) == 0/(a \& 0x3f) == 0/' "$work/tree/model/vmcs/vmcs_impl.h"
    ok "with planted lines, too" counted "$work/after"
    for name in vmx.instructions vmx.vmcs.fields vmx.vmcs.fields.host_state vmx.basic_exit_reasons svm.instructions el2.exception_classes; do
        equal "$name is one more" "$(($(awk -v n=$name '$1 == n { print $2 }' "$work/before") + 1))" \
            "$(awk -v n=$name '$1 == n { print $2 }' "$work/after")"
    done
    equal "a wider field is wider" 64 "$(awk '$1 == "vmx.exit_reason.bits" { print $2 }' "$work/after")"
    equal "and a check that takes less alignment says so" 64 "$(awk '$1 == "vmx.vmcs.alignment" { print $2 }' "$work/after")"
fi

# of a machine, by its knobs
equal "stage 2 of KVM's Arm guests has three levels" 3 "$(fact paging.stage2.levels neoverse_n1_kvm)"
equal "bare metal has no second dimension" "" "$(fact paging.stage2.levels skylake_sp_native)"
equal "an Arm processor has no VMCS" "" "$(fact vmx.instructions neoverse_n1_kvm)"
ok "a machine and words" "$VIRTSIM" list facts zen2_rome_kvm vmcb
equal "find rows" 5 "$(grep -c '^svm\.vmcb\.' "$work/out")"
ok "words alone" "$VIRTSIM" list facts list_registers
refused "what is nothing" 2 "nosuch" "$VIRTSIM" list facts nosuch
printf 'return { cpu = "nosuch" }\n' >"$work/m.lua"
refused "a machine that is none" 2 "nosuch" "$VIRTSIM" list facts "$work/m.lua"

# in the database: of the machine as it ran
ok "a run" "$VIRTSIM" run workloads/gups.lua --machine neoverse_n1_kvm --set workload.count=100 --set host.granule=64K --set host.page_size=64K --quiet --db "$db"
equal "stores its facts" 2 "$(sqlite3 "$db" "select value from fact where name = 'paging.stage2.levels'")"
"$VIRTSIM" run workloads/gups.lua --set workload.count=100 --quiet --db "$db" >/dev/null
equal "as list has them" "$("$VIRTSIM" list facts skylake_sp_kvm --format csv | sed 1d | sort | md5sum)" \
    "$(sqlite3 -csv "$db" "select name, value, unit, whose, source from fact where run = 2" | sort >"$work/rows"
    python3 -c 'import csv, sys; csv.writer(sys.stdout, lineterminator="\n").writerows(csv.reader(open(sys.argv[1])))' "$work/rows" | sort | md5sum)"
ok "merging keeps them" "$VIRTSIM" db merge "$work/m.db" "$db"
equal "all" "$(sqlite3 "$db" "select count(*) from fact")" "$(sqlite3 "$work/m.db" "select count(*) from fact")"
before=$("$VIRTSIM" db digest "$work/m.db")
sqlite3 "$work/m.db" "update fact set value = 7 where name = 'memory.nodes'"
equal "and a digest is of them, too" different "$([ "$before" = "$("$VIRTSIM" db digest "$work/m.db")" ] && echo same || echo different)"

# a database of the schema before, which has none
cp "$db" "$work/eight.db"
sqlite3 "$work/eight.db" "drop table fact; pragma user_version = 8"
ok "show reads it" "$VIRTSIM" show 1 --db "$work/eight.db"
ok "so does diff" "$VIRTSIM" diff 1 2 --db "$work/eight.db"
ok "and it is made new" "$VIRTSIM" db upgrade "$work/eight.db" "$work/nine.db"
ok "whole" "$VIRTSIM" db check "$work/nine.db"
equal "without facts" 0 "$(sqlite3 "$work/nine.db" "select count(*) from fact")"
equal "and with all else" "$("$VIRTSIM" show 1 --db "$work/eight.db" --format csv | md5sum)" "$("$VIRTSIM" show 1 --db "$work/nine.db" --format csv | md5sum)"

# beside the documents' counts
ok "compare" "$VIRTSIM" compare --domain structure -j 2 --db "$work/c.db"
verdict() { sqlite3 "$work/c.db" "select value || ' ' || verdict from comparison where claim_id = '$1'"; }
equal "13 instructions are not the documents' 9" "13.0 outside" "$(verdict hva.vmx.instr)"
equal "two modes are two" "2.0 structure" "$(verdict hva.vmx.modes)"
equal "the width of the exit reason" "32.0 structure" "$(verdict v51.exitreason.width)"
equal "what is outside says why" 0 "$(sqlite3 "$work/c.db" "select count(*) from comparison where verdict = 'outside' and (reason like '%not understood%' or reason like '%no longer%')")"
equal "no number is missing" 0 "$(sqlite3 "$work/c.db" "select count(*) from comparison where verdict = 'no number'")"
finish
