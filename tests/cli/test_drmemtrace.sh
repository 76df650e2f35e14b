#!/bin/sh
# SPDX-License-Identifier: MIT
# DynamoRIO's traces: what each entry becomes, in raw, gzip and zip; damage; and the samples' exact counts.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/d.db

# entries "type size address" to packed records
pack() {
    python3 -c '
import struct, sys
for line in sys.stdin:
    t, s, a = (int(x, 0) for x in line.split())
    sys.stdout.buffer.write(struct.pack("<HHQ", t, s, a))'
}
ops() { sqlite3 "$db" "select coalesce(sum(n), 0) from op where op = '$1' and actor = 'vcpu0/guest' and run = (select max(run) from run)"; }
counter() { sqlite3 "$db" "select value from counter where name = '$1' and actor = 'vcpu0/guest' and run = (select max(run) from run)"; }

head="25 0 7
28 12 7
28 9 0x240
22 4 100
24 4 100"
# an instruction of 3 bytes, a bundle of two more, a load, a store, an iteration of rep, a prefetch, an encoding
body="10 3 0x401000
17 2 0x0204
0 8 0x7000
1 4 0x7008
29 2 0x401009
2 64 0x9000
47 3 0xcc90
48 2 0x401009"
tail="28 2 5
23 4 100
26 0 0"
printf '%s\n%s\n%s\n' "$head" "$body" "$tail" | pack >"$work/a.trace"
ok "raw" "$VIRTSIM" replay "$work/a.trace" --db "$db" --quiet
equal "fetches" 4 "$(ops access.fetch)"
equal "instructions" 4 "$(counter cpu.instructions)"
equal "loads" 1 "$(ops access.load)"
equal "stores" 1 "$(ops access.store)"
gzip -k "$work/a.trace"
ok "gzip" "$VIRTSIM" replay "$work/a.trace.gz" --db "$db" --quiet
zip() { # archive, then member=file ...: in this order
    python3 -c '
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as z:
    for m in sys.argv[2:]:
        name, path = m.split("=")
        z.write(path, name)' "$@"
}
# two chunks: the second one repeats ordinal, time and processor
printf '%s\n%s\n28 21 1\n' "$head" "$body" | pack >"$work/0"
printf '28 22 9\n28 2 5\n28 3 1\n%s\n%s\n' "$body" "$tail" | pack >"$work/1"
zip "$work/a.zip" "chunk.0000=$work/0" "chunk.0001=$work/1"
ok "zip" "$VIRTSIM" replay "$work/a.zip" --db "$db" --quiet
equal "loads of both chunks" 2 "$(ops access.load)"
zip "$work/b.zip" "chunk.0001=$work/0" "chunk.0000=$work/1"
"$VIRTSIM" replay "$work/b.zip" --db "$db" >"$work/out" 2>&1
equal "chunks in another order are refused" 1 "$(grep -c 'not in the order' "$work/out")"

refused "no footer" 1 "without its footer" sh -c "head -c 120 $work/a.trace | '$VIRTSIM' replay - --db $db"
refused "half a record" 1 "4 of its 12 bytes" sh -c "head -c 112 $work/a.trace | '$VIRTSIM' replay - --db $db"
head -c $(($(wc -c <"$work/a.zip") / 3)) "$work/a.zip" >"$work/cut.zip"
"$VIRTSIM" replay "$work/cut.zip" --db "$db" >"$work/out" 2>&1
equal "a zip cut in its first chunk" 1 "$(grep -c 'zip stream is truncated' "$work/out")"
printf '%s\n60 0 0\n%s\n' "$head" "$tail" | pack >"$work/type"
refused "a type that does not exist" 2 "none of drmemtrace's" "$VIRTSIM" replay "$work/type" --db "$db"
# a footer ends a thread: no instruction of any kind and no access follows it
for type in 10 11 12 13 14 15 16 17 31 48 49 0 1; do
    printf '%s\n%s\n%s\n%s 2 0x401000\n' "$head" "$body" "$tail" $type | pack >"$work/after"
    refused "type $type after the footer" 1 "after the footer" "$VIRTSIM" replay "$work/after" --db "$db"
done
# until another thread begins: in a processor's file, or in files put together
printf '%s\n%s\n%s\n22 4 101\n24 4 101\n28 2 9\n%s\n%s\n' "$head" "$body" "$tail" "$body" "$tail" | pack >"$work/core.trace"
ok "a footer in the middle" "$VIRTSIM" replay "$work/core.trace" --db "$db" --quiet
equal "loads of both threads" 2 "$(ops access.load)"
cat "$work/a.trace" "$work/a.trace" "$work/a.trace" >"$work/three.trace"
ok "three files in one" "$VIRTSIM" replay "$work/three.trace" --db "$db" --quiet
equal "loads of three threads" 3 "$(ops access.load)"
printf '%s\n%s\n%s\n22 4 101\n%s\n' "$head" "$body" "$tail" "$body" | pack >"$work/nofooter"
refused "the last thread without its footer" 1 "without its footer" "$VIRTSIM" replay "$work/nofooter" --db "$db"
printf '25 0 7\n28 9 0x80\n%s\n%s\n' "$body" "$tail" | pack >"$work/filtered"
refused "a filtered trace" 2 "filtered" "$VIRTSIM" replay "$work/filtered" --db "$db"
printf '25 0 9\n%s\n%s\n' "$body" "$tail" | pack >"$work/newer"
refused "a newer version" 2 "newer than 7" "$VIRTSIM" replay "$work/newer" --db "$db"

# a program's trace in this format, in chunks, has the counts of its lackey trace; a modify is a read and a write here
zstd -dcq "$VIRTSIM_HOME/tests/traces/mem/straddle.lackey.zst" | python3 -c '
import struct, sys, zipfile
e = lambda *a: struct.pack("<HHQ", *a)
chunk, out, n = 0, [e(25, 0, 7), e(28, 12, 7), e(28, 9, 0x40)], 0
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as z:
    def close():
        z.writestr("chunk.%04d" % chunk, b"".join(out))
    for line in sys.stdin:
        kind = line[:3].strip()
        if kind not in ("I", "L", "S", "M"):
            continue
        a, size = line[3:].split(",")
        for t in {"I": [10], "L": [0], "S": [1], "M": [0, 1]}[kind]:
            out.append(e(t, int(size), int(a, 16)))
        n += kind == "I"
        if kind == "I" and n % 10000 == 0:
            instruction = out.pop()
            out.append(e(28, 21, chunk))
            close()
            chunk, out = chunk + 1, [e(28, 22, n), e(28, 2, 5), e(28, 3, 1), instruction]
    out.append(e(26, 0, 0))
    close()' "$work/straddle.zip"
ok "a whole program" "$VIRTSIM" replay "$work/straddle.zip" --machine oracle_tlb --set ept.l1_dtlb_4k.ways=0 --set ept.l1_itlb_4k.ways=0 --db "$db" --quiet
equal "its instructions, loads and stores" "50905 11853 5907" "$(ops access.fetch) $(ops access.load) $(ops access.store)"
equal "its TLB misses" "39 49" "$(counter ept.l1_dtlb.misses) $(counter ept.l1_itlb.misses)"

traces=${VIRTSIM_SHARED:-$VIRTSIM_HOME/../shared}/traces/mem
if [ -d "$traces" ]; then
    sample() { # file, ways, fetches loads stores misses (- = not known)
        ok "$1" "$VIRTSIM" replay "$traces/drmemtrace.$1" --machine oracle_tlb --set ept.l1_dtlb_4k.ways="$2" --db "$db" --quiet
        equal "$1: fetches" "$3" "$(ops access.fetch)"
        equal "$1: loads" "$4" "$(ops access.load)"
        equal "$1: stores" "$5" "$(ops access.store)"
        [ "$6" = - ] || equal "$1: data-TLB misses" "$6" "$(counter ept.l1_dtlb.misses)"
        echo "$1: $3 fetches, $4 loads, $5 stores, $6 misses with $2 ways"
    }
    # fetches: instructions and branches of every kind
    sample small.x64.trace 0 173 42 14 -
    sample simple_app.trace.zip 0 136051 31507 12338 87
    sample simple_app.trace.zip 4 136051 31507 12338 93
    sample threadsig.872905.5783.trace.zip 0 65121 17160 9997 14
    sample offline-legacy-trace.gz 0 78753 26381 16308 124
    sample offline-legacy-trace.gz 4 78753 26381 16308 190
    sample allasm_x86_64.trace.zip 0 133 0 0 0
fi
equal "no run is unbalanced" 0 "$(sqlite3 "$db" 'select count(*) from unbalanced')"
finish
