/* SPDX-License-Identifier: MIT */
/* What tests of single laws of shadow paging share: a guest of one vCPU whose memory lies in a row.
 */
#ifndef VIRTSIM_TEST_SHADOW_H
#define VIRTSIM_TEST_SHADOW_H

#include "shadow/shadow.h"
#include "virtsim/knob.h"
#include "virtsim/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FRAMES 4096u /* of the guest: 16 MiB, which lie in a row */
#define HOST (1ull << 24)
#define POOL (1ull << 26)
#define CR3 0x10000ull
#define NX (1ull << 63)
#define WRITE_ERROR 2u
#define USER_ERROR 4u
#define FETCH_ERROR 16u

struct machine {
    struct vs_phys *phys;
    struct vs_frames frames;
    struct vs_shadow_mmu mmu;
    struct vs_shadow s;
    struct vs_rng rng;
    unsigned host_shift, flushed[3];
};

static inline bool host(void *ctx, struct vs_txn *t, uint64_t gpa, bool back, uint64_t *hpa,
                        unsigned *shift)
{
    (void)t;
    (void)back;
    *hpa = HOST + gpa;
    *shift = ((struct machine *)ctx)->host_shift;
    return gpa < (uint64_t)FRAMES << 12;
}

static inline void flush(void *ctx, struct vs_txn *t, enum vs_shadow_flush what, vs_gva at)
{
    (void)t;
    (void)at;
    ((struct machine *)ctx)->flushed[what]++;
}

static inline uint64_t load(const struct machine *m, uint64_t hpa)
{
    return vs_phys_read64(m->phys, (vs_hpa){hpa});
}
static inline void poke(const struct machine *m, uint64_t gpa, uint64_t value)
{
    vs_phys_write64(m->phys, (vs_hpa){HOST + gpa}, value);
}

static inline void start(struct machine *m, unsigned host_shift, uint64_t sync, uint64_t seed)
{
    struct vs_shadow_config c;
    struct vs_core_port core = {.ctx = NULL};
    struct vs_shadow_layout at = {0};
    struct vs_shadow_port port = {m, host, flush, NULL, NULL};
    memset(m, 0, sizeof *m);
    vs_defaults(&vs_shadow_desc, &c);
    c.sync = sync;
    c.prefetch = seed % 3 ? 8 : 1;
    m->host_shift = host_shift;
    m->phys = vs_phys_create(1ull << 28);
    vs_rng_seed(&m->rng, seed, 5);
    for (uint64_t at = 0; at < 64u * 4096u; at += 8u) { /* frames that somebody has used */
        vs_phys_write64(m->phys, (vs_hpa){POOL + at}, UINT64_MAX);
        vs_phys_write64(m->phys, (vs_hpa){POOL + (2u << 20) + at}, UINT64_MAX);
    }
    assert_int_equal(vs_frames_init(&m->frames, POOL, POOL, VS_FRAMES_CONTIGUOUS, 1), VS_OK);
    assert_int_equal(vs_shadow_mmu_init(&m->mmu, &c, &vs_radix_x86_64, 40, m->phys, &m->frames,
                                        (uint64_t)FRAMES << 12, &at),
                     VS_OK);
    vs_shadow_init(&m->s, &m->mmu, &core, &port);
}

static inline void stop(struct machine *m)
{
    vs_shadow_mmu_free(&m->mmu);
    vs_frames_free(&m->frames);
    vs_phys_destroy(m->phys);
}

#endif
