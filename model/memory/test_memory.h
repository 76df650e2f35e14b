/* SPDX-License-Identifier: MIT */
/* A memory with two cores, for its tests. */
#ifndef VIRTSIM_MODEL_MEMORY_TEST_H
#define VIRTSIM_MODEL_MEMORY_TEST_H

#include "memory/path.h"
#include "virtsim/knob.h"
#include "virtsim/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINE 64u

struct rig {
    struct vs_ledger *ledger;
    struct vs_memory memory;
    struct vs_memory_core core[2];
    struct vs_l1 side[2][2];
};

static inline struct rig *rig_create(const struct vs_memory_config *cfg, const char *variant)
{
    struct rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->ledger = vs_ledger_create(1);
    assert_int_equal(
        vs_memory_init(&r->memory, cfg, r->ledger, vs_clock_mhz(2000), NULL, 1ull << 36, 1), VS_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            vs_memory_core_init(&r->core[i], &r->memory, &r->side[i][0], &r->side[i][1]), VS_OK);
    }
    if (!vs_memory_use(&r->memory, variant)) {
        (void)vs_memory_use(&r->memory, "plain");
    }
    return r;
}

static inline void rig_destroy(struct rig *r)
{
    vs_memory_core_free(&r->core[0]);
    vs_memory_core_free(&r->core[1]);
    vs_memory_free(&r->memory);
    vs_ledger_destroy(r->ledger);
    free(r);
}

static inline uint32_t load(struct rig *r, int core, uint64_t line, enum vs_ref ref)
{
    struct vs_memory_core *c = &r->core[core];
    return r->memory.access(&r->memory, c, c->count, line, ref, VS_MEM_L1);
}

#endif
