#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts of a recorded guest, for tests/cli/test_guest_trace.sh: oracle.py TRACE.qmt TABLES.pts, both decompressed.
It shares no code with the simulator: records, events, walks of the recorded tables, and misses of data TLBs of 64
entries (true LRU, by virtual page of the first byte, no global pages, INVLPG ignored)."""
import struct
import sys
from collections import OrderedDict

PRESENT, LARGE, ADDRESS = 1, 0x80, 0x000FFFFFFFFFF000
pts = open(sys.argv[2], "rb").read()
n, root = struct.unpack_from("<IQ", pts, 4)
table = {}
for i in range(n):
    at = 24 + i * 4104
    table[struct.unpack_from("<Q", pts, at)[0]] = struct.unpack_from("<512Q", pts, at + 8)


def walk(va):
    at = root & ADDRESS
    for level in (4, 3, 2, 1):
        if at not in table:
            return None
        e = table[at][va >> (12 + 9 * (level - 1)) & 511]
        if not e & PRESENT:
            return None
        at = e & ADDRESS
        if level == 1 or (level < 4 and e & LARGE):
            low = (1 << (12 + 9 * (level - 1))) - 1
            return (at & ~low) | (va & low)


class Tlb:
    def __init__(self, sets, ways):
        self.set = [OrderedDict() for _ in range(sets)]
        self.ways, self.misses = ways, 0

    def look(self, page):
        s = self.set[page % len(self.set)]
        if page in s:
            s.move_to_end(page)
            return
        self.misses += 1
        if len(s) == self.ways:
            s.popitem(last=False)
        s[page] = True

    def flush(self):
        for s in self.set:
            s.clear()


tlb = {"fa64_noflush": Tlb(1, 64), "4way64_noflush": Tlb(16, 4), "fa64_flush_on_cr3": Tlb(1, 64), "4way64_flush_on_cr3": Tlb(16, 4)}
count = dict.fromkeys(["loads", "stores", "ev_cr3", "ev_invlpg", "ev_fetch_page", "sum_gap_instructions"], 0)
walks = dict.fromkeys([f"walk_{h}_{w}" for h in ("kernel", "user") for w in ("match", "mismatch", "notpresent")], 0)
seen = {}
with open(sys.argv[1], "rb") as f:
    f.read(24)
    while len(r := f.read(24)) == 24:
        va, pa, gap, _, flags, _, _ = struct.unpack("<QQIBBBB", r)
        count["sum_gap_instructions"] += gap
        event = {0x10: "ev_cr3", 0x20: "ev_invlpg", 0x40: "ev_fetch_page"}.get(flags & 0xF0)
        if event:
            count[event] += 1
            if event == "ev_cr3":
                tlb["fa64_flush_on_cr3"].flush()
                tlb["4way64_flush_on_cr3"].flush()
            continue
        if flags & 0x80:
            continue
        count["stores" if flags & 1 else "loads"] += 1
        for t in tlb.values():
            t.look(va >> 12)
        if not flags & 6:
            page = va >> 12
            if page not in seen:
                seen[page] = walk(page << 12)
            found = seen[page]
            what = "notpresent" if found is None else "match" if found >> 12 == pa >> 12 else "mismatch"
            walks[f"walk_{'kernel' if va >> 63 else 'user'}_{what}"] += 1
for k, v in {**count, **walks, **{f"dtlb_{k}": t.misses for k, t in tlb.items()}}.items():
    print(f"{k}={v}")
