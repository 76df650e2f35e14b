/* SPDX-License-Identifier: MIT */
/* A hypervisor beside fakes of its ports, for its tests. */
#ifndef VIRTSIM_HYPERVISOR_TEST_H
#define VIRTSIM_HYPERVISOR_TEST_H
#include "hypervisor/hypervisor.h"
#include "machine/software.h"

#include "virtsim/knob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CLOCK_PS 500u
#define HIT_PS 1000u
#define MISS_PS 50000u
#define INSTRUCTION_PS 100u
#define VMREAD_PS 7000u
#define VMWRITE_PS 9000u
#define LINES 65536u
#define MEMORY (UINT64_C(1) << 30)
#define DIRECT_FRAME (UINT64_C(6) << 21)

/* ---- fakes ---- */

static const struct vs_account_desc fake_accounts[] = {
    {"fake.instructions", "", false, ""}, {"fake.hit", "", false, ""},
    {"fake.miss", "", false, ""},         {"fake.vmread", "", false, ""},
    {"fake.vmwrite", "", false, ""},      {"fake.idle", "", true, ""}};
static const struct vs_component_desc fake = {"fake", NULL, 0, fake_accounts, 6, NULL, 0, 0};
enum { INSTRUCTIONS, HIT, MISS, VMREAD, VMWRITE, IDLE };

/* A core whose cache holds every line it ever saw, until it is flushed. */
struct fake_core {
    uint16_t base;
    uint64_t line[LINES];
    size_t n;
    uint64_t touches[3], misses, instructions;
    uint64_t direct_from, direct_lines; /* stores through the direct map */
    uint64_t lowest, highest;           /* of the vCPU's data */
};

/* What handlers read and write; time only for a transaction. */
struct fake_state {
    uint16_t base;
    uint64_t field[VS_STATE_N];
    uint64_t reads, writes;
};

struct fake_slat {
    unsigned shift;
    uint64_t maps, last, exhausted_after;
    uint64_t backed; /* pages below this have a frame */
};

struct fixture {
    struct vs_ledger *ledger;
    struct vs_txn t;
    struct vs_hypervisor_config config;
    const struct vs_program_set *set;
    uint64_t *values; /* of the set's knobs */
    struct vs_hypervisor h;
    struct fake_core core;
    struct fake_state state;
    struct fake_slat slat;
    uint16_t line, host;
};

static inline void core_instructions(void *ctx, struct vs_txn *t, uint64_t n)
{
    struct fake_core *c = ctx;
    c->instructions += n;
    vs_charge_n(t, (uint16_t)(c->base + INSTRUCTIONS), n, (vs_ps){n * INSTRUCTION_PS});
}

static inline void core_work(void *ctx, struct vs_txn *t, uint16_t account, uint64_t n)
{
    struct fake_core *c = ctx;
    c->instructions += n;
    vs_charge_n(t, account, n, (vs_ps){n * INSTRUCTION_PS});
}

static inline bool seen(struct fake_core *c, uint64_t line)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->line[i] == line) {
            return true;
        }
    }
    assert_true(c->n < LINES);
    c->line[c->n++] = line;
    return false;
}

static inline void core_touch(void *ctx, struct vs_txn *t, vs_gva at, enum vs_ref ref)
{
    struct fake_core *c = ctx;
    c->touches[ref]++;
    if (at.v >= VS_HV_DIRECT) { /* a cleared page: too many lines to remember */
        c->direct_from = c->direct_lines++ ? c->direct_from : at.v - VS_HV_DIRECT;
        vs_charge(t, (uint16_t)(c->base + MISS), (vs_ps){MISS_PS});
        return;
    }
    if (at.v >= VS_HV_DATA && at.v < VS_HV_DATA + VS_HV_AREA_BYTES) {
        c->lowest = at.v < c->lowest ? at.v : c->lowest;
        c->highest = at.v > c->highest ? at.v : c->highest;
    }
    bool hit = seen(c, at.v >> 6);
    c->misses += !hit;
    vs_charge(t, (uint16_t)(c->base + (hit ? HIT : MISS)), (vs_ps){hit ? HIT_PS : MISS_PS});
}

static inline void core_store_string(void *ctx, struct vs_txn *t, vs_gva at, uint64_t bytes)
{
    for (uint64_t end = at.v + bytes; at.v < end; at.v += 64) {
        core_touch(ctx, t, at, VS_REF_WRITE);
    }
}

static inline bool state_read(void *ctx, struct vs_txn *t, enum vs_state field, uint64_t *value)
{
    struct fake_state *v = ctx;
    *value = v->field[field];
    if (t) {
        v->reads++;
        vs_charge(t, (uint16_t)(v->base + VMREAD), (vs_ps){VMREAD_PS});
    }
    return true;
}

static inline bool state_write(void *ctx, struct vs_txn *t, enum vs_state field, uint64_t value)
{
    struct fake_state *v = ctx;
    v->field[field] = value;
    if (t) {
        v->writes++;
        vs_charge(t, (uint16_t)(v->base + VMWRITE), (vs_ps){VMWRITE_PS});
    }
    return true;
}

static inline bool slat_map(void *ctx, struct vs_txn *t, vs_gpa at, unsigned *shift, vs_hpa *frame)
{
    struct fake_slat *s = ctx;
    (void)t;
    if (s->maps == s->exhausted_after) {
        return false;
    }
    s->maps++;
    s->last = at.v >> s->shift;
    *shift = s->shift;
    frame->v = DIRECT_FRAME;
    return true;
}

static inline bool slat_is_memory(void *ctx, vs_gpa at)
{
    (void)ctx;
    return at.v < MEMORY;
}

static inline bool slat_backed(void *ctx, vs_gpa at)
{
    const struct fake_slat *s = ctx;
    return at.v >> s->shift < s->backed;
}

/* ---- fixture ---- */

static inline void build(struct fixture *f, unsigned vcpu)
{
    struct vs_clock clock = {CLOCK_PS};
    struct vs_core_port core = {&f->core, core_instructions, core_touch, core_store_string,
                                NULL,     core_work,         NULL,       NULL,
                                NULL};
    struct vs_state_port state = {&f->state, state_read, state_write, NULL, true};
    struct vs_slat_port slat = {&f->slat, slat_map, slat_is_memory, slat_backed, 0};
    vs_hv_free(&f->h);
    assert_int_equal(vs_hv_init(&f->h, &f->config, f->set, f->values, f->ledger, clock, vcpu, &core,
                                &state, &slat),
                     VS_OK);
}

/* A number of the programs: "cpu_id.search.instructions". */
static inline uint64_t *number(struct fixture *f, const char *path)
{
    for (size_t i = 0; i < f->set->component.n_knobs; i++) {
        if (!strcmp(f->set->component.knobs[i].path + strlen("hypervisor."), path)) {
            return &f->values[i];
        }
    }
    fail_msg("no number hypervisor.%s", path);
    return NULL;
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    vs_defaults(&vs_hypervisor_desc, &f->config);
    f->set = vs_software(VS_ROLE_HYPERVISOR, "kvm");
    f->values = calloc(f->set->component.n_knobs, sizeof *f->values);
    vs_defaults(&f->set->component, f->values);
    f->ledger = vs_ledger_create(1);
    f->core.base = f->state.base = vs_ledger_accounts(f->ledger, &fake);
    f->core.lowest = UINT64_MAX;
    f->slat.shift = 12;
    f->slat.exhausted_after = UINT64_MAX;
    build(f, 0);
    f->line = vs_ledger_actor(f->ledger, "vcpu0");
    f->host = vs_ledger_actor(f->ledger, "vcpu0/host");
    vs_txn_begin(&f->t, f->ledger, f->line, (vs_ps){0});
    vs_txn_actor(&f->t, f->host);
    f->state.field[VS_STATE_FLAGS] = 0x202;
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    char why[200] = "";
    vs_txn_end(&f->t);
    if (vs_ledger_unbalanced(f->ledger, why, sizeof why)) {
        fail_msg("%s", why);
    }
    vs_ledger_destroy(f->ledger);
    vs_hv_free(&f->h);
    free(f->values);
    free(f);
    return 0;
}

static inline uint64_t field(const struct fixture *f, enum vs_state what)
{
    return f->state.field[what];
}

/* Handles one exit; returns how long it took. */
static inline uint64_t handle(struct fixture *f, enum vs_trap_kind trap, struct vs_hv_exit exit)
{
    uint64_t start = vs_now(&f->t).v;
    enum vs_hv_result want = trap == VS_TRAP_HALT ? VS_HV_HALT : VS_HV_RESUME;
    assert_int_equal(vs_hv_handle(&f->h, &f->t, trap, &exit), want);
    return vs_now(&f->t).v - start;
}
static const struct vs_hv_exit plain = {.guest_physical = 0x5000};

#endif
