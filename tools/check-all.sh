# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The steps of `./dev check`, which sources this file. Every step runs, whatever failed before;
# a step returns 0, 77 (skipped, the reason is its last line) or anything else (failed).
#
# Steps run in two lanes at once, so that no core waits for one that has a single process: in one what looks at the
# sources and the program of gcc, in the other the build of clang and what runs in it. A step may rely on those before
# it in its own lane, and on nothing in the other.

all="" # --all: the long form, for before something is declared done
if [ "${1:-}" = --all ]; then
    all=1
    export VIRTSIM_ALL=1 # tests that have a long form take it
    # shellcheck disable=SC2086
    need optional "the test on a cluster" ${for_cluster:-}
    export VIRTSIM_TEST_EFFORT=100 # tests/support/effort.h: with sanitizers too
    shift
fi
fuzz_seconds=${VIRTSIM_FUZZ_SECONDS:-$([ -n "$all" ] && echo 60 || echo 3)}
wanted=" $* "
results=$logs/results # a line a step: how it ended, its name, its seconds, those of processors
mkdir -p "$logs"
: >"$results"

step() { # step NAME command...
    local name=$1 log rc=0 t0=$SECONDS
    shift
    if [ "$wanted" != "  " ] && [[ $wanted != *" $name "* ]]; then return 0; fi
    log=$(log_of "check-$name")
    [ -z "$all" ] || printf '%-8s %-12s since %(%H:%M:%S)T, log: %s\n' begins "$name" -1 "$log" # some take an hour
    # A subshell of its own with -e: a failing command ends the step, not the check.
    local TIMEFORMAT='%U %S' cpu
    set +e
    { time { (set -e; "$@") >"$log" 2>&1; }; } 2>"$log.time"
    rc=$?
    set -e
    cpu=$(awk 'END { printf "%.0f", $1 + $2 }' "$log.time")
    local end said # one write each: the other lane prints too
    said=$(tail -n 1 "$log")
    case $rc in
    0) end=ok ;;
    77) end=skipped ;;
    *) end=FAILED said=$(tail -n 40 "$log" | sed 's/^/    | /; 1s/^/\n/') ;;
    esac
    printf '%s %s %d %d\n' $end "$name" $((SECONDS - t0)) "$cpu" >>"$results"
    printf '%-8s %-12s %4d s, %4d of processors  %s\n' $end "$name" $((SECONDS - t0)) "$cpu" "$said"
}

require() { # require TOOL...: skips the step when one is not there
    local t
    for t in "$@"; do
        command -v "$t" >/dev/null || { say "no $t here"; exit 77; }
    done
}

in_git() { git -c safe.directory='*' "$@"; }
sources() { # tracked and new files; without git, all
    { in_git ls-files --cached --others --exclude-standard -- '*.c' '*.h' '*.cpp' 2>/dev/null ||
        find include core model sim app tests bench fuzz -name '*.[ch]' -o -name '*.cpp'; } |
        while read -r f; do [ -f "$f" ] && printf '%s\n' "$f"; done
}

step_layers() { tools/check-layers --self-test; tools/check-layers; tools/check-layers --headers; tools/check-layers --rooms "$(dir_of dev)"; }
# After gcc, of its objects.
step_dead() { tools/check-dead --self-test; tools/check-dead "$(dir_of dev)"; }
step_sizes() { tools/check-sizes --self-test; tools/check-sizes; }
step_text() { tools/check-text; }

step_whitespace() {
    in_git rev-parse --git-dir >/dev/null 2>&1 || { say "no git tree"; exit 77; }
    in_git diff --check HEAD
    in_git diff --check "$(in_git hash-object -t tree /dev/null)" HEAD
    say "git diff --check: clean"
}

step_scripts() {
    local f n=0
    for f in dev .ci/run $(in_git ls-files -- '*.sh' tools tests/support/seconds 2>/dev/null); do
        [ -f "$f" ] || continue
        case $(head -n 1 "$f") in
        *python3*) python3 -c 'import ast,sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' "$f" ;;
        *bash* | *"/sh"* | "# SPDX"*) bash -n "$f" ;;
        esac
        n=$((n + 1))
    done
    say "$n scripts parse"
}

step_format() {
    require clang-format
    sources | xargs -P "$jobs" -n 20 clang-format --dry-run -Werror
    say "$(sources | wc -l) files formatted ($(clang-format --version | grep -o 'version [0-9.]*'))"
}

step_gcc() { configure dev; compile dev; say "gcc -Werror: clean"; }

# Dozens of programs with the sanitizers' libraries in each: a linker that does it in a third of the time, if it is there.
quick_link=()
if command -v ld.lld >/dev/null; then quick_link=("-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld"); fi

# Second compiler, sanitizers and the fuzzers' objects are one build. What runs in it: all unit tests; of the program's
# tests those with the label `sanitized` (cmake/tests.cmake says why these); the quick digests, so that both compilers
# give the same rows. With --all every test.
step_clang() {
    require clang clang++
    configure clang "${quick_link[@]}"
    compile clang
    export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1
    # SystemC's pool of timed events is never given back, and those of a context that ended are lost
    echo "leak:sc_core::sc_event_timed::allocate" >"$(dir_of clang)/lsan.supp"
    LSAN_OPTIONS=suppressions=$(dir_of clang)/lsan.supp:print_suppressions=0
    export LSAN_OPTIONS
    if [ -n "$all" ]; then
        run_tests clang -LE notebook --timeout 1200
    else
        run_tests clang -L 'unit|sanitized' --timeout 600
        ASAN_OPTIONS=detect_leaks=0:abort_on_error=0 VIRTSIM=$(dir_of clang)/virtsim VIRTSIM_HOME=$PWD \
            tools/digests --check --once -j "$jobs"
    fi
    say "$passed tests passed, $skipped skipped"
}

# The models must not even see the headers of what they may not use. Compiled only: their tests are the same code as in
# the other builds.
step_models() {
    local poison=$out/build-check/poison h
    for h in systemc systemc.h lua.h lauxlib.h lualib.h sqlite3.h zstd.h lzma.h zlib.h xxhash.h tlm; do
        mkdir -p "$poison"
        printf '#error "core and models are C17 and libc: no %s"\n' "$h" >"$poison/$h"
    done
    configure models-only "-DCMAKE_C_FLAGS=-I$poison" -DCMAKE_BUILD_TYPE=Debug "-DVIRTSIM_TESTS=$([ -n "$all" ] && echo ON || echo OFF)"
    if [ -n "$all" ]; then
        compile models-only
        run_tests models-only
    else # as far as headers, types and warnings: code is generated in the other builds
        require python3
        read_only "$(dir_of models-only)/compile_commands.json"
    fi
    say "core and models compile without the headers of SystemC, Lua, SQLite and the compressions"
}

read_only() { # COMMANDS: the compiler reads what a build would compile, a process for each set of flags
    python3 - "$1" "$jobs" <<'PY'
import collections, concurrent.futures, json, shlex, subprocess, sys
sets = collections.defaultdict(list)
for one in json.load(open(sys.argv[1])):
    words = shlex.split(one["command"])
    del words[words.index("-o"):words.index("-o") + 2]
    sets[one["directory"], tuple(w for w in words if w not in ("-c", one["file"]))].append(one["file"])
with concurrent.futures.ThreadPoolExecutor(int(sys.argv[2])) as pool:
    ends = pool.map(lambda s: subprocess.run([*s[0][1], "-fsyntax-only", *s[1]], cwd=s[0][0], check=False).returncode, sets.items())
    sys.exit(1 if not sets or any(ends) else 0)
PY
}

# What clang-tidy looks at: sources that changed, and sources of a changed header's folder that include it, since the
# tree left the main branch. On the main branch: of its newest commits as many as change no more than a dozen
# sources, the last one whatever it changes. Everything with --all or without git.
most_tidied=12
tidied() {
    local base n
    sources | grep -E '^(core|model|sim|app)/.*\.(c|cpp)$' | grep -v '/test_[^/]*$' | sort >"$logs/tidy.all"
    base=$(in_git merge-base HEAD origin/main 2>/dev/null || in_git merge-base HEAD main 2>/dev/null || true)
    if [ -n "$all" ] || [ -z "$base" ]; then
        cat "$logs/tidy.all"
        return
    fi
    if [ "$base" != "$(in_git rev-parse HEAD)" ]; then
        changed_since "$base"
        return
    fi
    for n in 1 2 3 4 5 6 7 8 9 10; do
        base=$(in_git rev-parse -q --verify "HEAD~$n" || true)
        [ -n "$base" ] || break
        changed_since "$base" >"$logs/tidy.more"
        [ "$n" = 1 ] || [ "$(wc -l <"$logs/tidy.more")" -le $most_tidied ] || break
        cp "$logs/tidy.more" "$logs/tidy.some"
    done
    if [ -f "$logs/tidy.some" ]; then cat "$logs/tidy.some"; else cat "$logs/tidy.all"; fi # a tree of one commit
}
changed_since() { # COMMIT
    local f name
    { in_git diff --name-only "$1"; in_git ls-files --others --exclude-standard; } | while read -r f; do
        case $f in
        *.c | *.cpp) echo "$f" ;;
        *.h | *.def)
            name=$(basename "$f")
            grep -lE "#include \"([a-z_]+/)*$name\"" "$(dirname "$f")"/*.c "$(dirname "$f")"/*.cpp 2>/dev/null || true
            ;;
        esac
    done | sort -u | comm -12 - "$logs/tidy.all"
}

step_tidy() {
    require clang-tidy clang python3
    [ -f "$(dir_of clang)/compile_commands.json" ] || configure clang
    compile_generated
    rm -f "$logs/tidy.some"
    tidied >"$logs/tidy.files"
    xargs -r -P "$jobs" -n 1 clang-tidy --quiet -p "$(dir_of clang)" <"$logs/tidy.files"
    say "clang-tidy: $(wc -l <"$logs/tidy.files") of $(wc -l <"$logs/tidy.all") files, clean"
}
compile_generated() { cmake --build "$(dir_of clang)" --target vs_version >/dev/null; }

step_docs() {
    [ -x tools/gen-docs ] || { say "no tools/gen-docs"; exit 77; }
    VIRTSIM=$(dir_of dev)/virtsim VIRTSIM_HOME=$PWD tools/gen-docs --check
}

step_skeleton() { tools/new-component --self-test; }

# Same seed, same inputs: same digest of the database, whatever the number of workers. That runs repeat themselves row
# by row is what the digests show.
step_digest() {
    local v d w=workloads/pointer_chase.lua small
    v=$(dir_of dev)/virtsim
    [ -x "$v" ] || { say "no program yet"; exit 77; }
    export VIRTSIM_HOME=$PWD
    d=$(mktemp -d)
    trap "rm -rf '$d'" EXIT
    small="--set workload.count=20000 --set workload.warmup=20000 --seed 7"
    pages="--vary guest.page_size=4K,2M --vary host.page_size=4K,2M"
    # shellcheck disable=SC2086 # words
    {
        "$v" sweep $w $small $pages -j 1 --db "$d/1.db" >/dev/null
        "$v" sweep $w $small $pages -j 2 --db "$d/2.db" >/dev/null
        "$v" sweep $w $small $pages -j 2 --seed 8 --db "$d/3.db" >/dev/null
    }
    [ "$("$v" db digest "$d/1.db")" = "$("$v" db digest "$d/2.db")" ]
    # A digest that cannot differ would prove nothing.
    [ "$("$v" db digest "$d/1.db")" != "$("$v" db digest "$d/3.db")" ]
    say "a sweep with one and two workers: same digests; another seed: another one"
}

# No result changes unseen: every run of tests/digests/runs.txt.
step_digests() {
    [ -x "$(dir_of dev)/virtsim" ] || { say "no program yet"; exit 77; }
    require python3
    VIRTSIM=$(dir_of dev)/virtsim VIRTSIM_HOME=$PWD tools/digests --check --reached -j "$jobs"
}

# The long forms of tests, which `./dev test` leaves out: every notebook, every lab, the long oracles.
step_long() {
    [ -n "$all" ] || { say "with --all: every notebook, lab and figure, the long oracles, a thousand points, a cluster"; exit 0; }
    run_tests dev -R 'notebook|lab|figures|oracles|sweep_(stops|cost)|slurm'
    say "$passed tests passed, $skipped skipped"
}

# What the matrix of runs does not show of a knob, the run of tests/dead_knobs.csv does.
step_knobs() {
    [ -n "$all" ] || { say "with --all: the rows of tests/dead_knobs.csv"; exit 0; }
    VIRTSIM=$(dir_of dev)/virtsim VIRTSIM_HOME=$PWD tools/dead-knobs --rows -j "$jobs"
}

# Each virtualization architecture can be left out: the programs without one, of objects that are there.
# With --all they are built from nothing, and their machines' rows compared with those of the whole program.
step_worlds() {
    if [ -n "$all" ]; then
        VIRTSIM=$(dir_of dev)/virtsim tools/check-worlds
    else
        VIRTSIM=$(dir_of dev)/virtsim tools/check-worlds --linked "$(dir_of dev)"
    fi
}

step_install() {
    local v p
    [ -x "$(dir_of dev)/virtsim" ] || { say "no program yet"; exit 77; }
    p=$(mktemp -d)
    # shellcheck disable=SC2064 # p is gone when the trap runs
    trap "rm -rf '$p'" EXIT
    cmake --install "$(dir_of dev)" --prefix "$p/usr" >/dev/null
    v=$p/usr/bin/virtsim
    (cd / && env -u VIRTSIM_HOME "$v" list machines >/dev/null)
    (cd / && VIRTSIM_HOME=$p/usr/share/virtsim "$v" list machines | grep skylake_sp_kvm >/dev/null)
    say "installed program lists its machines from another directory"
}

step_fuzz() {
    require clang clang++
    ls fuzz/fuzz_*.c >/dev/null 2>&1 || { say "no fuzz targets"; exit 77; }
    configure clang "${quick_link[@]}"
    compile clang
    local dir t n=0
    dir=$(dir_of clang)/fuzz
    fuzz_one() {
        local name=$1 dir=$2
        mkdir -p "$dir/corpus-$name"
        cd "$dir"
        "./$name" -max_total_time="$fuzz_seconds" -timeout=10 -rss_limit_mb=2048 -seed=1 \
            -artifact_prefix="crash-$name-" "corpus-$name" \
            $([ -d "$src/fuzz/corpus/$name" ] && printf '%s' "$src/fuzz/corpus/$name") \
            >"$name.log" 2>&1 && return 0
        # the finding first: what found it, and the input, come after pages of progress
        echo "$name:"
        grep -vE '^#[0-9]+.(NEW|REDUCE|pulse|INITED|RELOAD|DONE)' "$name.log" | tail -n 30
        return 1
    }
    export -f fuzz_one
    export fuzz_seconds src=$PWD
    n=$(ls fuzz/fuzz_*.c | wc -l)
    for t in fuzz/fuzz_*.c; do basename "$t" .c; done |
        xargs -P "$jobs" -I{} bash -c 'fuzz_one {} '"'$dir'"
    say "$n targets, $fuzz_seconds s each, no finding"
}

of_clang() {
    step clang step_clang
    step fuzz step_fuzz
    step tidy step_tidy
}
of_clang &
step gcc step_gcc
step layers step_layers
step dead step_dead
step sizes step_sizes
step text step_text
step whitespace step_whitespace
step scripts step_scripts
step format step_format
step skeleton step_skeleton
step docs step_docs
step digest step_digest
step digests step_digests
step install step_install
step long step_long
step knobs step_knobs
step models step_models
step worlds step_worlds
wait

say "seconds of processors, the longest steps: $(sort -k4,4nr "$results" | awk 'NR <= 6 { printf "%s%s %d", (NR > 1 ? ", " : ""), $2, $4 }')"
count() { grep -c "^$1 " "$results" || true; }
passed=$(count ok) failed=$(count FAILED) skipped=$(count skipped)
failures=$(sed -n 's/^FAILED \([^ ]*\) .*/ \1/p' "$results" | tr -d '\n')
[ -z "$failures" ] || say "failed:$failures; logs in $logs"
summary check
[ "$failed" -eq 0 ]
