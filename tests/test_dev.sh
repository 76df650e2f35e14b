#!/bin/bash
# SPDX-License-Identifier: MIT
# ./dev about packages: one clear refusal where they cannot be installed, no installing where none is
# missing. The package tools are fakes; nothing is built.
set -u
home=${VIRTSIM_HOME:-$(cd "$(dirname "$0")/.." && pwd)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fails=0
checks=0
equal() # equal "what" WANT GOT
{
    checks=$((checks + 1))
    [ "$2" = "$3" ] && return
    fails=$((fails + 1))
    echo "FAILED: $1: wanted '$2', got '$3'"
}

# a tree with `dev` alone, and programs that write down their calls
mkdir -p "$work/a tree/bin"
cp "$home/dev" "$work/a tree/dev"
cd "$work/a tree" || exit 1
for tool in bash env dirname nproc mkdir cat tail; do ln -s "$(type -P $tool)" bin/; done
fake() { printf '#!/bin/sh\necho "%s $*" >>"%s/calls"\n%s\n' "$1" "$PWD" "$2" >"bin/$1"; chmod +x "bin/$1"; }
fake id 'echo ${FAKE_ID:-1000}'
fake apt-get 'exit 0'
fake dpkg-query 'for p; do :; done; case " ${FAKE_MISSING:-} " in *" $p "*) exit 1 ;; *) echo "install ok installed" ;; esac'
fake cmake 'exit 0'
dev() { # dev MISSING COMMAND...: status in $rc, output in out
    : >calls
    FAKE_MISSING=$1 PATH=$PWD/bin ./dev "${@:2}" >out 2>&1 </dev/null
    rc=$?
}
calls() { grep -c "^$1" calls; }

dev "" build
equal "nothing is missing: it goes on to build" "0 2" "$rc $(calls cmake)"
equal "and asks no package manager" "0" "$(calls apt-get)"

dev "ninja-build zstd" demo
equal "packages are missing, no sudo: status" 1 "$rc"
equal "nothing was tried" "0 0" "$(calls apt-get) $(calls cmake)"
equal "the message names what this command needs, the demo's too" 1 \
    "$(grep -c '^    apt-get install --no-install-recommends ninja-build zstd$' out)"
dev "ninja-build valgrind" test
equal "the tests' too" 1 "$(grep -c '^    apt-get install --no-install-recommends ninja-build valgrind$' out)"

dev "zstd" build
equal "what a command does not need is not missing" "0 2" "$rc $(calls cmake)"

fake sudo 'exit 1'
dev "ninja-build libcsv-dev zstd" demo
equal "sudo refuses: status, asked once" "1 1" "$rc $(calls sudo)"
equal "the same message" 1 "$(grep -c '^    apt-get install .* ninja-build libcsv-dev zstd$' out)"

fake sudo 'exec "$@"'
ln -s "$(type -P true)" bin/
dev "ninja-build" build
equal "it does not come: status 1, and it is named" "1 1" "$rc $(grep -c 'could not install: ninja-build' out)"
equal "by way of sudo" 1 "$(grep -c '^sudo env .*apt-get .*install -y --no-install-recommends ninja-build' calls | sed 's/^[2-9]$/1/')"

echo "$((checks - fails)) passed, $fails failed"
[ $fails -eq 0 ]
