#!/bin/sh
# SPDX-License-Identifier: MIT
# The help of a command names what it takes, no more, with examples that work as they stand.
. "$VIRTSIM_HOME/tests/lib.inc"
mkdir "$work/here" && cd "$work/here" || exit 1
ln -s "$VIRTSIM_HOME/workloads" workloads
unset VIRTSIM_DB
ok "help" "$VIRTSIM" help
commands=$(sed -n 's/^  \([a-z]*\) .*/\1/p' "$work/out")
ok "names the commands" test "$(echo "$commands" | wc -l)" -ge 10
equal "in lines of 80 columns" 0 "$(awk 'length($0) > 80' "$work/out" | wc -l)"
for c in $commands; do
    "$VIRTSIM" help "$c" >"$work/$c"
    equal "help $c is $c --help" "$("$VIRTSIM" "$c" --help)" "$(cat "$work/$c")"
    equal "$c: in lines of 80 columns" 0 "$(awk 'length($0) > 80' "$work/$c" | wc -l)"
    equal "$c: with examples" 1 "$(grep -c '^Examples:' "$work/$c")"
    sed -n '/^Examples:/,$s/^  \(virtsim .*\)/\1/p' "$work/$c" >"$work/$c.examples"
    ok "$c: some" test -s "$work/$c.examples"
    [ "$c" = plot ] || [ "$c" = compare ] && continue # of their own runs, tested where those are
    while read -r line; do
        # of a workload that is a million accesses some thousand do
        case $line in *workloads/gups.lua*) line="$line --set workload.count=2000 --set workload.warmup=2000 --set workload.footprint=16MiB" ;; esac
        checks=$((checks + 1))
        if ! sh -c "$(echo "$line" | sed "s#^virtsim#\"$VIRTSIM\"#")" >out 2>err </dev/null; then
            failures=$((failures + 1))
            echo "FAILED: $c: the example $line: $(head -2 err)"
        fi
    done <"$work/$c.examples"
done

takes() { grep -c -- "--$2\([=[ ]\|\$\)" "$work/$1"; }
for o in skip limit threads shares tables trace-format; do
    equal "run does not take --$o" 0 "$(takes run $o)"
    equal "replay does" 1 "$(takes replay $o)"
    refused "run says what has it" 2 "belong to" "$VIRTSIM" run workloads/gups.lua --no-store $(case $o in threads) echo --threads ;; shares) echo --shares=1=0 ;; *) echo "--$o=1" ;; esac)
done
for o in seeds dry-run record skip; do equal "explain does not take --$o" 0 "$(takes explain $o)"; done
equal "sweep stores" 0 "$(takes sweep no-store)"

refused "an unknown option" 2 "run --machin_e: there is no such option; did you mean '--machine'?" "$VIRTSIM" run workloads/gups.lua --machin_e=x
refused "by its beginning and parts" 2 "did you mean '--trace-format'?" "$VIRTSIM" replay x --tracefmt lackey
refused "of another command" 2 "there is no such option" "$VIRTSIM" show 1 --vary x=1
refused "like nothing" 2 "--help lists them" "$VIRTSIM" list knobs --zzzz
ok "an option may be shortened" "$VIRTSIM" run workloads/gups.lua --dry --mach skylake_sp_native
ok "a value may look like an option" "$VIRTSIM" list runs --db results/virtsim.db --format csv
refused "help of nothing" 2 "did you mean 'sweep'?" "$VIRTSIM" help swep
finish
