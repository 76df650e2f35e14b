#!/bin/sh
# SPDX-License-Identifier: MIT
# The database stays whole: same seed same digest, any number of workers, kill -9, full or read-only places.
. "$VIRTSIM_HOME/tests/lib.inc"
small="--set workload.count=20000 --set workload.footprint=4MiB --quiet"

run() { "$VIRTSIM" run workloads/gups.lua $small --db "$1" --seed "$2" >/dev/null; }
run "$work/a.db" 1 && run "$work/b.db" 1 && run "$work/c.db" 2
digest() { "$VIRTSIM" db digest "$1"; }
equal "same seed, same digest" "$(digest "$work/a.db")" "$(digest "$work/b.db")"
checks=$((checks + 1))
if [ "$(digest "$work/a.db")" = "$(digest "$work/c.db")" ]; then
    failures=$((failures + 1))
    echo "FAILED: another seed gives another digest"
fi
ok "a whole database checks" "$VIRTSIM" db check "$work/a.db"

vary="--vary ept.l2_tlb.entries=384,768,1536 --vary machine=skylake_sp_kvm,skylake_sp_native"
"$VIRTSIM" sweep workloads/gups.lua $small $vary -j 1 --db "$work/j1.db" >/dev/null
"$VIRTSIM" sweep workloads/gups.lua $small $vary -j 2 --db "$work/j2.db" >/dev/null
equal "six points" 6 "$(sqlite3 "$work/j1.db" 'select count(*) from run')"
equal "-j 1 and -j 2 give the same rows" "$(digest "$work/j1.db")" "$(digest "$work/j2.db")"

# kill -9 at many moments: the file opens and holds whole runs only
i=0
while [ $i -lt 12 ]; do
    "$VIRTSIM" sweep workloads/gups.lua $small $vary -j 2 --db "$work/k.db" >/dev/null 2>&1 &
    pid=$!
    sleep "0.$((i * 7 % 10))"
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    i=$((i + 1))
done
if [ -f "$work/k.db" ]; then
    ok "after kill -9 the database is whole" "$VIRTSIM" db check "$work/k.db"
fi

ok "merge" "$VIRTSIM" db merge "$work/m.db" "$work/a.db" "$work/c.db"
equal "merge renumbers" "1 2" "$(echo $(sqlite3 "$work/m.db" 'select run from run order by run'))"

echo "not a database, but long enough to be one: $(seq 1 200)" >"$work/text.db"
refused "a file that is no database" 2 "text.db" "$VIRTSIM" run workloads/gups.lua $small --db "$work/text.db"
sqlite3 "$work/old.db" 'pragma user_version = 999; create table x (y)'
refused "another schema version" 2 "version 999" "$VIRTSIM" run workloads/gups.lua $small --db "$work/old.db"
refused "no such folder" 2 "--db" "$VIRTSIM" run workloads/gups.lua $small --db "$work/no/such/folder/t.db"
mkdir "$work/full"
if mount -t tmpfs -o size=1m tmpfs "$work/full" 2>/dev/null; then
    run "$work/full/t.db" 1
    dd if=/dev/zero of="$work/full/rest" bs=4k 2>/dev/null
    refused "a full disk" 1 "full" "$VIRTSIM" run workloads/gups.lua $small --db "$work/full/t.db"
    ok "after a full disk the database is whole" "$VIRTSIM" db check "$work/full/t.db"
    equal "and holds the run before" 1 "$(sqlite3 "$work/full/t.db" 'select count(*) from run')"
    umount "$work/full"
else
    left_out full_disk
fi
equal "no run is unbalanced" 0 "$(sqlite3 "$work/j2.db" 'select count(*) from unbalanced')"
# the name of a mark is the program's: whatever it is, its rows are its own
printf 'guest(function(cpu) for _, name in ipairs { "a", "a.n", "s.a", "a" } do cpu:mark(name) cpu:compute(10) end end)\n' >"$work/marks.lua"
ok "marks of any name" "$VIRTSIM" run "$work/marks.lua" --db "$work/marks.db" --quiet
equal "and how often each" "a 2 a.n 1 s.a 1" "$(sqlite3 "$work/marks.db" "select group_concat(substr(name, 7) || ' ' || value, ' ') from (select * from counter where name like 'marks.%' order by name)")"
equal "and when" 3 "$(sqlite3 "$work/marks.db" "select count(*) from counter where name like 'mark.%' and unit = 'ps'")"
# epochs for which there is no memory end the run; none is left out without a word
cat >"$work/realloc.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
void *realloc(void *old, size_t bytes)
{
    static void *(*next)(void *, size_t);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "realloc");
    return bytes > 1000000 ? NULL : next(old, bytes);
}
C
small_realloc() { LD_PRELOAD="$work/realloc.so" "$@"; }
if ! grep -qE '__(a|t|m)san_init' "$VIRTSIM" && ${CC:-cc} -shared -fPIC -o "$work/realloc.so" "$work/realloc.c" 2>/dev/null && small_realloc "$VIRTSIM" list machines >/dev/null 2>&1; then
    epochs="run workloads/gups.lua --set workload.count=200000 --epoch 1us --quiet --db $work/epochs.db"
    refused "no memory for the epochs" 1 "--epoch" small_realloc "$VIRTSIM" $epochs
    ok "enough memory for the epochs" "$VIRTSIM" $epochs
    equal "the run without its epochs is not stored" 1 "$(sqlite3 "$work/epochs.db" 'select count(*) from run')"
fi
# a new database is a copy of the one that the build made; an empty file becomes one by the statements it was made of
: >"$work/by_statements.db"
for way in by_copy by_statements; do
    ok "a database $way" "$VIRTSIM" run workloads/exit_mix.lua --quiet --db "$work/$way.db"
    sqlite3 "$work/$way.db" "pragma page_size; pragma user_version; pragma integrity_check; select * from op_alias; select type, name, sql from sqlite_master" >"$work/$way"
done
ok "is the same either way" cmp "$work/by_copy" "$work/by_statements"
ok "with all of the schema" grep -q "^view|metric|CREATE VIEW" "$work/by_copy"
equal "and other names of operations" 1 "$(sqlite3 "$work/by_copy.db" "select count(*) > 100 from op_alias")"
# who makes it first does not matter: every process's run is in it
for i in 1 2 3 4; do "$VIRTSIM" run workloads/exit_mix.lua --quiet --db "$work/first.db" >/dev/null 2>&1 & done
wait
equal "of processes that make it at once each has its run" "4 ok" "$(sqlite3 "$work/first.db" "select count(*) from run") $(sqlite3 "$work/first.db" "pragma integrity_check")"
equal "and nothing is beside it" 1 "$(find "$work" -name 'first.db*' | wc -l)"
finish
