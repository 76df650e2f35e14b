# SPDX-License-Identifier: MIT
# A script that is stuck is ended whatever it does: one message that names the file, the status, no
# unfinished file, a database that is whole. Its processor time and memory are those of a request.
. "$(dirname "$0")/../lib.inc"
cd "$work" || exit 1
stuck='local t = {} setmetatable(t, { __call = t }) t()'

cat >later.lua <<EOF
param { name = "n", default = 1 }
guest(function(cpu, p) cpu:compute(10) if p.n == 2 then $stuck end end)
EOF
echo 'return { cpu = "./stuck_cpu.lua" }' >machine.lua
echo "$stuck" >stuck_cpu.lua
echo 'guest(function(cpu) cpu:compute(10) end)' >good.lua

# The ordinary limit is 10 s (sim/lua/test_box.c), and 2 s until the last resort: with VIRTSIM_ALL the machine's file
# meets it, else a shorter one, as the others do.
shorter=VIRTSIM_SCRIPT_SECONDS=1 explained=3
[ -z "${VIRTSIM_ALL:-}" ] || shorter=VIRTSIM_SHORTER=no explained=12
limited() {
    name=$1
    shift
    (ulimit -t 20 && exec "$@") >"$name.out" 2>"$name.err"
    echo $? >"$name.status"
}
limited running env VIRTSIM_SCRIPT_SECONDS=1 "$VIRTSIM" run later.lua --set workload.n=2 --record x.vst --quiet --db run.db &
limited explain env $shorter "$VIRTSIM" explain exit.cpuid --machine ./machine.lua --no-store --quiet &
limited sweep env VIRTSIM_SCRIPT_SECONDS=1 "$VIRTSIM" sweep later.lua --vary workload.n=1,2,3 --quiet --db sweep.db &
wait

# ended NAME STATUS FILE SECONDS
ended() {
    equal "$1: status" "$2" "$(cat "$1.status")"
    equal "$1: one message" 1 "$(wc -l <"$1.err")"
    equal "$1: it names $3" 1 "$(grep -c "^virtsim: .*$3: ran for $4 s of CPU time" "$1.err")"
}
ended running 1 later.lua 3
ended explain 2 stuck_cpu.lua $explained
ended sweep 1 later.lua 3
equal "the sweep's message names the point" 1 "$(grep -c 'workload.n=2: ' sweep.err)"
equal "nothing unfinished is left" "" "$(ls -d ./*.part ./*.vst ./*.sweep-* run.db 2>/dev/null)"
ok "the sweep's database is whole" "$VIRTSIM" db check sweep.db
equal "the points before and after are there" "workload.n=1 workload.n=3" \
    "$(sqlite3 sweep.db 'select group_concat(point, " ") from (select point from run order by run)')"

for wrong in 0 3601 -1 2s ""; do
    refused "a limit of '$wrong' seconds" 2 "whole seconds from 1 to 3600" env VIRTSIM_SCRIPT_SECONDS="$wrong" "$VIRTSIM" list machines
done

# memory: of all files of a machine together
for i in 1 2 3; do
    echo "kept$i = ('x'):rep(80 << 20) return {}" >"part$i.lua"
done
echo 'return { cpu = "./part1.lua", memory = "./part2.lua", hypervisor = "./part3.lua" }' >large.lua
refused "parts that together take too much" 2 "part3.lua: the script's memory limit is reached" \
    "$VIRTSIM" run good.lua --machine ./large.lua --no-store --quiet
finish
