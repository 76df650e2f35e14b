/* SPDX-License-Identifier: MIT */
/* A VMCB, its save area and its maps in a small memory that counts what is touched. */
#ifndef VIRTSIM_TEST_SVM_H
#define VIRTSIM_TEST_SVM_H

#include "svm/svm_world.h"
#include "virtsim/knob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VMCB 0x10000u
#define HOST 0x11000u
#define IOPM 0x12000u
#define MSRPM 0x16000u
#define PS 400u /* of a cycle */

struct fixture {
    struct vs_ledger *ledger;
    struct vs_phys *phys;
    struct vs_txn t;
    struct vs_svm_config config;
    struct vs_svm s;
    uint16_t guest, host;
    uint64_t reads[0x20], writes[0x20]; /* touches by page */
    uint64_t flushes, last_at;
    enum vs_flush what;
    uint16_t asid;
};

static inline void touch(void *ctx, struct vs_txn *t, vs_hpa at, enum vs_ref ref)
{
    struct fixture *f = ctx;
    (void)t;
    assert_true(at.v >> 12 < 0x20);
    (ref == VS_REF_WRITE ? f->writes : f->reads)[at.v >> 12]++;
    f->last_at = at.v;
}

static inline uint64_t flush(void *ctx, struct vs_txn *t, enum vs_flush what, uint16_t vpid,
                             uint16_t pcid, uint64_t eptp, vs_gva at)
{
    struct fixture *f = ctx;
    (void)t, (void)pcid, (void)eptp, (void)at;
    f->flushes++;
    f->what = what;
    f->asid = vpid;
    return 0;
}

static inline void boot(struct fixture *f)
{
    struct vs_svm_wiring w = {.ledger = f->ledger,
                              .clock = {PS},
                              .phys = f->phys,
                              .mem = {.ctx = f, .touch = touch},
                              .tlb = {.ctx = f, .flush = flush},
                              .guest_actor = f->guest};
    vs_svm_init(&f->s, &f->config, &w);
    vs_svm_setup(&f->s, (vs_hpa){VMCB}, (vs_hpa){HOST}, (vs_hpa){MSRPM}, (vs_hpa){IOPM}, 5,
                 0x50000);
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->ledger = vs_ledger_create(1);
    f->phys = vs_phys_create(1u << 20);
    uint16_t line = vs_ledger_actor(f->ledger, "vcpu0");
    f->guest = vs_ledger_actor(f->ledger, "vcpu0/guest");
    f->host = vs_ledger_actor(f->ledger, "vcpu0/host");
    vs_defaults(&vs_svm_desc, &f->config);
    boot(f);
    vs_ps zero = {0};
    vs_txn_begin(&f->t, f->ledger, line, zero);
    vs_txn_actor(&f->t, f->host);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    vs_txn_end(&f->t);
    assert_int_equal(vs_ledger_unbalanced(f->ledger, NULL, 0), 0);
    vs_phys_destroy(f->phys);
    vs_ledger_destroy(f->ledger);
    free(f);
    return 0;
}

static inline uint64_t vmcb64(struct fixture *f, uint64_t offset)
{
    uint64_t v;
    vs_phys_read(f->phys, (vs_hpa){VMCB + offset}, &v, sizeof v);
    return v;
}

#endif
