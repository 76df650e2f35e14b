/* SPDX-License-Identifier: MIT */
/*
 * The straightforward version: the same structures as the models (two TLB levels, walk caches of
 * both dimensions, nested TLB, three cache levels, open DRAM rows), written plainly with LRU
 * stamps, without accounting of time. The oracle of the fast version's counters, and what the bench
 * compares with.
 */
#ifndef VIRTSIM_TESTS_STRAIGHT_H
#define VIRTSIM_TESTS_STRAIGHT_H

#include "virtsim/phys.h"

struct straight_table {
    uint64_t sets, ways;
    struct straight_entry {
        uint64_t key, payload, stamp;
        bool valid, dirty;
    } * entry;
    uint64_t clock, hits, misses;
};

struct straight {
    struct vs_phys *phys;
    uint64_t cr3, eptp;
    struct straight_table l1_tlb, l2_tlb, nested, gpwc[5], npwc[5], l1, l2, llc;
    uint64_t *open_row, channels, banks, row_lines;
    uint64_t row_hits, row_conflicts, row_misses, walks, guest_refs, nested_refs;
};

/* Geometry of the defaults of ept.def and memory.def; 4 KiB pages in both dimensions. */
void straight_init(struct straight *s, struct vs_phys *phys, uint64_t cr3, uint64_t eptp,
                   uint64_t llc_bytes, uint64_t llc_ways);
void straight_load(struct straight *s, uint64_t gva);
void straight_free(struct straight *s);

#endif
