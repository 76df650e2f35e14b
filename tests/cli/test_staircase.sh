#!/bin/sh
# SPDX-License-Identifier: MIT
# The committed latency staircases are those of this program: a few sizes of each part.
set -eu
exec "$(dirname "$0")/../../tools/staircase" --spot
