#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts of a lackey trace, computed without any code of the simulator.

usage: oracle.py TRACE.lackey.zst

TLBs: 4 KiB pages, the page of an access is that of its first byte, true LRU, set = page mod sets,
empty at the start, cold misses count. Data (L, S, M) and instructions (I) have their own.
"""
import subprocess
import sys
from collections import OrderedDict


class Tlb:
    def __init__(self, sets, ways):
        self.sets = [OrderedDict() for _ in range(sets)]
        self.ways = ways
        self.misses = 0

    def access(self, page):
        entries = self.sets[page % len(self.sets)]
        if page in entries:
            entries.move_to_end(page)
            return
        self.misses += 1
        if len(entries) == self.ways:
            entries.popitem(last=False)
        entries[page] = True


def main(path):
    text = subprocess.Popen(["zstdcat", path], stdout=subprocess.PIPE).stdout
    kinds = dict.fromkeys("ILSM", 0)
    pages = {True: set(), False: set()}
    shapes = {"FA-64": (1, 64), "4-way x 16": (16, 4), "12-way x 128": (128, 12)}
    tlbs = {data: {k: Tlb(*v) for k, v in shapes.items()} for data in (True, False)}
    line_straddles = page_straddles = 0
    for line in text:
        if line.startswith(b"=="):
            continue
        kind = line[:2].decode().strip()
        addr, size = line[3:].split(b",")
        addr, size = int(addr, 16), int(size)
        data = kind != "I"
        kinds[kind] += 1
        pages[data].add(addr >> 12)
        for tlb in tlbs[data].values():
            tlb.access(addr >> 12)
        if data:
            line_straddles += addr >> 6 != (addr + size - 1) >> 6
            page_straddles += addr >> 12 != (addr + size - 1) >> 12
    for kind, n in kinds.items():
        print(f"{kind} {n}")
    print("4K pages all / data / instr", len(pages[True] | pages[False]), len(pages[True]),
          len(pages[False]))
    print("line-straddling, page-straddling data", line_straddles, page_straddles)
    for data, name in ((True, "dTLB"), (False, "iTLB")):
        for shape, tlb in tlbs[data].items():
            print(f"{name} {shape} misses {tlb.misses}")


if len(sys.argv) != 2:
    sys.exit(__doc__.strip())
main(sys.argv[1])
