#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/dead-knobs finds a knob whose value nobody reads, and a row of its table that is not true.
. "$VIRTSIM_HOME/tests/lib.inc"
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
dead() { "$VIRTSIM_HOME/tools/dead-knobs" --table "$work/table.csv" --only "$1" >"$work/out" 2>&1; }
table() { printf 'knob,machine,run,reason\n%s' "$1" >"$work/table.csv"; }

table ""
ok "a knob that works is found working" dead '^svm\.field\.save$'
# A program that takes every setting of that knob and never looks at it.
cat >"$work/deaf" <<'SH'
#!/bin/sh
for arg in "$@"; do
    shift
    case $arg in --set=svm.field.save=*) ;; *) set -- "$@" "$arg" ;; esac
done
exec "$REAL" "$@"
SH
chmod +x "$work/deaf"
REAL=$VIRTSIM
export REAL
VIRTSIM=$work/deaf dead '^svm\.field\.save$'
equal "a knob that nobody reads is found" "1 dead-knobs: svm.field.save: no run shows it" "$? $(head -1 "$work/out")"

table "svm.field.*,,,as a trial
"
REAL=$VIRTSIM VIRTSIM=$work/deaf dead '^svm\.field\.save$'
equal "one of a family that need not show" "0 1 knobs" "$? $(cut -d, -f1 "$work/out")"
table "svm.field.*,,,
"
REAL=$VIRTSIM VIRTSIM=$work/deaf dead '^svm\.field\.save$'
equal "a family without a reason" "1 dead-knobs: svm.field.*: a row without a reason" "$? $(head -1 "$work/out")"

run="run exit_microbench count=2 warmup=1"
table "svm.field.save,zen2_rome_kvm,$run,as a trial
"
ok "a row that is true" dead '^svm\.field\.save$'
table "svm.field.save,skylake_sp_kvm,$run,as a trial
"
dead '^svm\.field\.save$'
equal "a row whose run does not show its knob" "1 dead-knobs: svm.field.save: $run on skylake_sp_kvm does not show it" "$? $(head -1 "$work/out")"
table "vmcs.cap.cr0_fixed1,skylake_sp_kvm,refused $run,as a trial
"
ok "a row of a refusal" dead '^vmcs\.cap\.cr0_fixed1$'
table "svm.field.save,zen2_rome_kvm,refused $run,as a trial
"
dead '^svm\.field\.save$'
equal "a row whose run is refused at no value" "1 dead-knobs: svm.field.save: refused $run on zen2_rome_kvm does not show it" "$? $(head -1 "$work/out")"
table "svm.field.save,zen2_rome_kvm,$run,
"
dead '^svm\.field\.save$'
equal "a row without a reason" "1 dead-knobs: svm.field.save: a row without a reason" "$? $(head -1 "$work/out")"
finish
