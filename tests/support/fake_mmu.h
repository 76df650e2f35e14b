/* SPDX-License-Identifier: MIT */
/*
 * A translation for tests: hpa = gva + offset, entries of one page size, a second-level TLB, a walk
 * that costs a fixed time, dirty bits, and pages that fault until they are allowed.
 */
#ifndef VIRTSIM_TEST_FAKE_MMU_H
#define VIRTSIM_TEST_FAKE_MMU_H

#include "virtsim/l1.h"

struct fake_mmu {
    struct vs_l1 *data, *fetch;
    struct vs_settab second;
    unsigned page; /* VS_L1_SMALL ... */
    uint64_t offset;
    uint64_t faults_from, faults_to; /* gva range that faults */
    uint16_t walk_account;
    vs_ps walk_ps;
    uint64_t hits, misses, second_hits, walks;
};

enum vs_status fake_mmu_init(struct fake_mmu *f, struct vs_ledger *ledger, struct vs_l1 *data,
                             struct vs_l1 *fetch, uint32_t l1_entries, uint32_t second_entries,
                             unsigned page);
void fake_mmu_free(struct fake_mmu *f);
struct vs_mmu_port fake_mmu_port(struct fake_mmu *f);

#endif
