# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The steps of `./dev check`, which sources this file. Every step runs, whatever failed before;
# a step returns 0, 77 (skipped, the reason is its last line) or anything else (failed).

passed=0 failed=0 skipped=0
fuzz_seconds=${VIRTSIM_FUZZ_SECONDS:-20}
wanted=" $* "
failures=""

step() { # step NAME command...
    local name=$1 log rc=0 t0=$SECONDS
    shift
    if [ "$wanted" != "  " ] && [[ $wanted != *" $name "* ]]; then return 0; fi
    log=$(log_of "check-$name")
    # A subshell of its own with -e: a failing command ends the step, not the check.
    set +e
    (set -e; "$@") >"$log" 2>&1
    rc=$?
    set -e
    case $rc in
    0) passed=$((passed + 1)); printf 'ok       %-12s %4d s  %s\n' "$name" $((SECONDS - t0)) "$(tail -n 1 "$log")" ;;
    77) skipped=$((skipped + 1)); printf 'skipped  %-12s %4d s  %s\n' "$name" $((SECONDS - t0)) "$(tail -n 1 "$log")" ;;
    *)
        failed=$((failed + 1))
        failures="$failures $name"
        printf 'FAILED   %-12s %4d s\n' "$name" $((SECONDS - t0))
        tail -n 40 "$log" | sed 's/^/    | /'
        ;;
    esac
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

step_layers() { tools/check-layers --self-test; tools/check-layers; tools/check-layers --rooms "$(dir_of dev)"; }
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
    for f in dev .ci/run $(in_git ls-files -- '*.sh' tools 2>/dev/null); do
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

build_and_test() { # PRESET [ctest args]
    local preset=$1
    shift
    compile "$preset"
    run_tests "$preset" "$@"
    say "$passed tests passed, $skipped skipped"
}

step_gcc() { configure dev; compile dev; say "gcc -Werror: clean"; }
step_clang() { require clang clang++; configure clang; build_and_test clang -LE notebook; }

step_asan() {
    require clang clang++
    configure asan
    export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1
    # SystemC's pool of timed events is never given back, and those of a context that ended are lost
    echo "leak:sc_core::sc_event_timed::allocate" >"$(dir_of asan)/lsan.supp"
    LSAN_OPTIONS=suppressions=$(dir_of asan)/lsan.supp:print_suppressions=0
    export LSAN_OPTIONS
    build_and_test asan -LE notebook --timeout 1200
}

# The models must not even see the headers of what they may not use.
step_models() {
    local poison=$out/build-check/poison h
    for h in systemc systemc.h lua.h lauxlib.h lualib.h sqlite3.h zstd.h lzma.h zlib.h xxhash.h tlm; do
        mkdir -p "$poison"
        printf '#error "core and models are C17 and libc: no %s"\n' "$h" >"$poison/$h"
    done
    configure models-only "-DCMAKE_C_FLAGS=-I$poison"
    build_and_test models-only
}

step_tidy() {
    require clang-tidy clang python3
    [ -f "$(dir_of clang)/compile_commands.json" ] || configure clang
    compile_generated
    sources | grep -E '^(core|model|sim|app)/.*\.(c|cpp)$' | grep -v '/test_[^/]*$' |
        xargs -P "$jobs" -n 1 clang-tidy --quiet -p "$(dir_of clang)"
    say "clang-tidy: clean"
}
compile_generated() { cmake --build "$(dir_of clang)" --target vs_version >/dev/null; }

step_docs() {
    [ -x tools/gen-docs ] || { say "no tools/gen-docs"; exit 77; }
    VIRTSIM=$(dir_of dev)/virtsim VIRTSIM_HOME=$PWD tools/gen-docs --check
}

step_skeleton() { tools/new-component --self-test; }

# Same seed, same inputs: same digest, run by run and whatever the number of workers.
step_digest() {
    local v d w n=0
    v=$(dir_of dev)/virtsim
    [ -x "$v" ] || { say "no program yet"; exit 77; }
    export VIRTSIM_HOME=$PWD
    d=$(mktemp -d)
    trap "rm -rf '$d'" EXIT
    for w in workloads/*.lua; do
        [ -f "$w" ] || continue
        "$v" run "$w" --seed 7 --db "$d/a.db" >/dev/null
        "$v" run "$w" --seed 7 --db "$d/b.db" >/dev/null
        n=$((n + 1))
    done
    [ "$n" -gt 0 ] || { say "no workloads"; exit 77; }
    [ "$("$v" db digest "$d/a.db")" = "$("$v" db digest "$d/b.db")" ]
    w=workloads/pointer_chase.lua
    if [ -f "$w" ]; then
        "$v" sweep "$w" --vary guest.page_size=4K,2M --vary host.page_size=4K,2M -j 1 --db "$d/1.db" >/dev/null
        "$v" sweep "$w" --vary guest.page_size=4K,2M --vary host.page_size=4K,2M -j 2 --db "$d/2.db" >/dev/null
        [ "$("$v" db digest "$d/1.db")" = "$("$v" db digest "$d/2.db")" ]
        # A digest that cannot differ would prove nothing.
        "$v" run "$w" --seed 8 --db "$d/b.db" >/dev/null
        [ "$("$v" db digest "$d/a.db")" != "$("$v" db digest "$d/b.db")" ]
    fi
    if command -v sqlite3 >/dev/null; then
        [ "$(sqlite3 "$d/a.db" 'select count(*) from unbalanced')" = 0 ]
    fi
    say "$n workloads twice, a sweep with one and two workers: same digests"
}

# No result changes unseen: every run of tests/digests/runs.txt.
step_digests() {
    [ -x "$(dir_of dev)/virtsim" ] || { say "no program yet"; exit 77; }
    require python3
    VIRTSIM=$(dir_of dev)/virtsim VIRTSIM_HOME=$PWD tools/digests --check -j "$jobs"
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
    (cd / && VIRTSIM_HOME=$p/usr/share/virtsim "$v" list machines | grep -q skylake_sp_kvm)
    say "installed program lists its machines from another directory"
}

step_fuzz() {
    require clang clang++
    ls fuzz/fuzz_*.c >/dev/null 2>&1 || { say "no fuzz targets"; exit 77; }
    configure fuzz
    compile fuzz
    local dir t n=0
    dir=$(dir_of fuzz)/fuzz
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

step gcc step_gcc
step layers step_layers
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
step models step_models
step clang step_clang
step tidy step_tidy
step asan step_asan
step fuzz step_fuzz

[ -z "$failures" ] || say "failed:$failures; logs in $logs"
summary check
[ "$failed" -eq 0 ]
