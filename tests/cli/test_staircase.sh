#!/bin/sh
# SPDX-License-Identifier: MIT
# The committed latency staircases are those of this program: a few sizes of each part.
set -eu
command -v python3 >/dev/null || exit 77
exec "$(dirname "$0")/../../tools/staircase" --spot
