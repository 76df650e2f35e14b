#!/bin/sh
# SPDX-License-Identifier: MIT
# The tables of round trips and of DMA in docs/validation.md are what runs of this program say.
set -eu
command -v python3 >/dev/null || exit 77
exec "$(dirname "$0")/../../tools/round-trips" --check
