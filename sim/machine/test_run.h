/* SPDX-License-Identifier: MIT */
/* A guest written to a file, run on a machine, and its books read. Define TEST_NAME before. */
#ifndef VIRTSIM_SIM_MACHINE_TEST_RUN_H
#define VIRTSIM_SIM_MACHINE_TEST_RUN_H

#include "session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SCRIPT VS_BUILD_DIR "/tests/guest_of_" TEST_NAME ".lua"

struct run {
    struct vs_session *session;
    struct vs_ledger *ledger;
    struct vs_errors errors;
    enum vs_status status;
};

static const char *machine; /* NULL: skylake_sp_kvm */

static inline void prepare(struct run *r, const char *script, const char *const *sets,
                           uint64_t warmup)
{
    FILE *f = fopen(SCRIPT, "w");
    assert_non_null(f);
    assert_true(fputs(script, f) >= 0);
    fclose(f);
    memset(r, 0, sizeof *r);
    struct vs_session_request q = {.input = SCRIPT,
                                   .machine = machine,
                                   .sets = sets,
                                   .point = "",
                                   .argv = "",
                                   .options = {.seed = 1, .warmup = warmup}};
    while (sets[q.n_sets]) {
        q.n_sets++;
    }
    r->status = vs_session_prepare(&q, &r->session, &r->errors);
}

/* The machine, with one knob set, is not one that the guest can be run on. */
static inline void refused(const char *script, const char *on, const char *set, const char *why)
{
    struct run r;
    const char *const sets[] = {set, NULL};
    machine = on;
    prepare(&r, script, sets, 0);
    machine = NULL;
    assert_int_equal(r.status, VS_E_CONFIG);
    assert_int_equal(r.errors.n, 1);
    if (!strstr(r.errors.text[0], why)) {
        fail_msg("%s", r.errors.text[0]);
    }
    vs_errors_free(&r.errors);
}

/* Runs a guest; the knobs end with NULL. The region of interest begins after
 * `warmup` accesses; 0: at its beginning, or the guest's mark. */
static inline void run_warm(struct run *r, const char *script, const char *const *sets,
                            uint64_t warmup)
{
    prepare(r, script, sets, warmup);
    assert_int_equal(r->status, VS_OK);
    r->status = vs_session_run(r->session, &r->errors);
    r->ledger = vs_session_ledger(r->session);
}

static inline void run(struct run *r, const char *script, const char *const *sets)
{
    run_warm(r, script, sets, 0);
}

static inline void good(struct run *r, const char *script, const char *const *sets)
{
    char why[200] = "";
    run(r, script, sets);
    if (r->status) {
        fail_msg("%s", r->errors.n ? r->errors.text[0] : "no message");
    }
    if (vs_ledger_unbalanced(r->ledger, why, sizeof why)) {
        fail_msg("%s", why);
    }
}

static inline void done(struct run *r)
{
    vs_session_close(r->session);
    vs_errors_free(&r->errors);
}

/* The operation of an architecture's exit. */
static inline enum vs_op named(const char *name)
{
    enum vs_op found = VS_OP_N;
    assert_true(vs_op_parse(name, &found));
    return found;
}

static inline const struct vs_op_acc *op(const struct run *r, const char *actor, enum vs_op o)
{
    return vs_ledger_acc(r->ledger, vs_ledger_actor(r->ledger, actor), o);
}

static inline struct vs_part part(const struct run *r, const struct vs_op_acc *a,
                                  const char *account)
{
    for (uint16_t i = 0; i < vs_ledger_n_accounts(r->ledger); i++) {
        if (!strcmp(vs_ledger_account(r->ledger, i)->path, account)) {
            return a->work[i];
        }
    }
    fail_msg("no account %s", account);
    return (struct vs_part){0, 0};
}

struct wanted {
    const char *actor, *name;
    uint64_t value;
};

static inline void match(void *ctx, const char *actor, const struct vs_counter_desc *c,
                         uint64_t value)
{
    struct wanted *w = ctx;
    if (!strcmp(actor, w->actor) && !strcmp(c->path, w->name)) {
        w->value = value;
    }
}

static inline uint64_t counter(const struct run *r, const char *actor, const char *name)
{
    struct wanted w = {actor, name, UINT64_MAX};
    vs_ledger_each_counter(r->ledger, match, &w);
    assert_true(w.value != UINT64_MAX);
    return w.value;
}

#define NONE                                                                                       \
    (const char *const[])                                                                          \
    {                                                                                              \
        NULL                                                                                       \
    }

#endif
