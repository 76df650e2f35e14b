#!/bin/bash
# SPDX-License-Identifier: MIT
# tools/record-trace: what it records is a trace, limits hold, mistakes are named.
set -u
command -v valgrind >/dev/null && command -v zstd >/dev/null && command -v cc >/dev/null || exit 77
home=${VIRTSIM_HOME:-$(cd "$(dirname "$0")/.." && pwd)}
record=$home/tools/record-trace
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
fails=0
passes=0

check() # check NAME CONDITION...
{
    local name=$1
    shift
    if "$@"; then
        passes=$((passes + 1))
    else
        echo "FAIL: $name" >&2
        cat err >&2
        fails=$((fails + 1))
    fi
}
status() # status WANT COMMAND...: runs it, output in err
{
    local want=$1
    shift
    "$@" > err 2>&1 < /dev/null
    [ $? -eq "$want" ]
}
says() { grep -q -- "$1" err; }
same_records() { cmp -s <(zstdcat "$1" | grep -v '^==') <(zstdcat "$2" | grep -v '^=='); }
records() { [ "$(zstdcat "$1" | grep -c -v '^==')" -eq "$2" ]; }
no_leftover() { [ -z "$(ls -- *.part 2>/dev/null)" ]; }

cat > p.c <<'END'
#include <unistd.h>
volatile long a[1000];
int main(int argc, char **argv)
{
    (void)argv;
    for (int i = 0; i < 1000; i++)
        a[i] += i;
    for (;argc > 1;)
        a[0]++;
    return write(2, "mine\n", 5) == 5 ? 3 : 4;
}
END
cc -O1 -static -o p p.c || exit 77

check "records a program" status 0 "$record" -o one.zst ./p
check "its own output stays apart" says '^mine$'
check "its status is told" says "ended with status 3"
check "again" status 0 "$record" -o two.zst ./p
check "two recordings have the same records" same_records one.zst two.zst
check "it says how many" says "records, "
if command -v script >/dev/null; then
    script -qec "'$record' --limit 250000 -o tty.zst ./p forever" /dev/null >err 2>&1 </dev/null
    check "on a terminal it says how far it is" says "200000 records"
fi
check "only records and banners" [ "$(zstdcat one.zst | grep -c -v -E '^(==[0-9]+==|I  | [LSM] )')" -eq 0 ]
check "a limit ends an endless program" status 0 timeout 60 "$record" --limit 1234 -o lim.zst ./p forever
check "with so many records" records lim.zst 1234
check "default name" status 0 "$record" --limit 10 ./p
check "default name is the program's" [ -s p.lackey.zst ]
if [ -n "${VIRTSIM:-}" ] && "$VIRTSIM" list formats > err 2>&1; then
    check "virtsim reads it" status 0 "$VIRTSIM" replay one.zst --db "$dir/t.db"
fi

check "a program that is also a word of the shell" status 0 "$record" --limit 10 -o word.zst true
check "is the program" records word.zst 10
check "unknown word" status 2 "$record" no-such-word
check "is named" says "no-such-word: no such program"

check "missing program" status 2 "$record" ./nothing
check "is named" says "./nothing: no such program"
check "not a program" status 2 "$record" ./p.c
check "no program" status 2 "$record"
check "usage" says "^usage:"
check "bad limit" status 2 "$record" --limit 0 ./p
check "bad option" status 2 "$record" --nope ./p
check "unwritable output" status 2 "$record" -o "$dir/none/x.zst" ./p
check "is named" says "cannot write $dir/none/x.zst"
mkdir bin
for tool in sh env dirname basename uname; do ln -s "$(command -v $tool)" bin/; done
check "valgrind missing" status 2 env PATH="$dir/bin" sh "$record" ./p
check "says how to get it" says "valgrind is missing; install it"
head -c 100 p > broken
chmod +x broken
check "a program that cannot start" status 2 timeout 60 "$record" -o b.zst ./broken
check "leaves no trace" [ ! -e b.zst ]
check "no leftovers" no_leftover

echo "$passes passed, $fails failed"
[ $fails -eq 0 ]
