/* SPDX-License-Identifier: MIT */
/* Helpers: what a block calls for an instruction that it does not translate. Nothing is left and
 * nothing is entered: a call, the helper's program, a return. */
#include "tcg/tcg.h"

#include "virtsim/x86.h"

#include <stdlib.h>

#define VS_DEF_NAME tcg
#define VS_DEF_FILE "tcg/tcg.def"
#include "virtsim/def_tables.h"

#define RFLAGS_IF (1u << 9)
#define OWN 2u /* operations of the translator's own, behind the helpers */

enum {
#define VS_HELPER(e, name, trap, ends, text) OP_##e,
#include "tcg/helpers.def"
#undef VS_HELPER
    HELPERS
};

static enum vs_op ops[HELPERS + OWN];

static const uint32_t ends[HELPERS] = {
#define VS_HELPER(e, name, trap, ends, text) ends,
#include "tcg/helpers.def"
#undef VS_HELPER
};
static const enum vs_trap_kind kinds[HELPERS] = {
#define VS_HELPER(e, name, trap, ends, text) VS_TRAP_##trap,
#include "tcg/helpers.def"
#undef VS_HELPER
};

enum vs_op vs__tcg_op(unsigned which)
{
    return ops[HELPERS + which];
}

/* Registers TCG's operations. */
void vs_tcg_register(void)
{
    static const struct vs_op_desc list[HELPERS + OWN] = {
#define VS_HELPER(e, name, trap, ends, text)                                                       \
    {name, "emulated by a helper: " text, NULL, VS_TRAP_##trap},
#include "tcg/helpers.def"
#undef VS_HELPER
        {"tcg.fill", "the software TLB misses: the guest's tables are walked by software", NULL,
         VS_TRAP_N},
        {"tcg.flush", "the software TLB is flushed, and the jump cache with it", NULL, VS_TRAP_N},
    };
    vs_ops_register(vs_tcg_desc.name, list, HELPERS + OWN, ops);
}

void vs__tcg_work(struct vs_tcg *c, struct vs_txn *t, unsigned account, uint64_t n)
{
    c->wire.core.work(c->wire.core.ctx, t, (uint16_t)(c->base + account), n);
}

/* Makes a vCPU under TCG. */
enum vs_status vs_tcg_init(struct vs_tcg *c, const struct vs_tcg_config *config,
                           const struct vs_tcg_wiring *wiring)
{
    const uint64_t pages = ((uint64_t)VS_TCG_ENTRY_BYTES << config->tlb_most) / 4096u + 1u;
    *c = (struct vs_tcg){.config = *config, .wire = *wiring};
    c->base = vs_ledger_accounts(wiring->ledger, &vs_tcg_desc);
    enum vs_status s = VS_OK;
    for (unsigned i = 0; i < 2u && !s; i++) {
        s = vs_tcg_tlb_init(&c->tlb[i], &c->config);
        c->table_page[i] = calloc(pages, sizeof *c->table_page[i]);
        s = c->table_page[i] ? s : VS_E_NOMEM;
    }
    if (s || !vs__tcg_memory(c)) {
        vs_tcg_free(c);
        return VS_E_NOMEM;
    }
    return VS_OK;
}

/* Frees what a vCPU under TCG holds. */
void vs_tcg_free(struct vs_tcg *c)
{
    for (unsigned i = 0; i < 2u; i++) {
        vs_tcg_tlb_free(&c->tlb[i]);
        free(c->table_page[i]);
        c->table_page[i] = NULL;
    }
}

void vs_tcg_raise(struct vs_tcg *c, struct vs_txn *t)
{
    c->wire.leave_block(c->wire.ctx);
    c->wire.path(c->wire.ctx, t, VS_TCG_RAISE);
}

/* ---- the world port ---- */

/* Says whether translated code calls a helper for a trap. */
static bool leaves(void *ctx, struct vs_txn *t, const struct vs_trap *trap, struct vs_exit *exit)
{
    (void)ctx, (void)t; /* what is a helper's was decided when the block was translated */
    if (vs_x86_shows(trap->x86)) { /* a load of what the translator keeps */
        return false;
    }
    for (unsigned i = 0; i < HELPERS; i++) {
        if (kinds[i] == trap->kind) {
            *exit = (struct vs_exit){.op = ops[i],
                                     .trap = trap->kind,
                                     .gpa = trap->gpa,
                                     .gva = trap->gva,
                                     .length = trap->length,
                                     .own = {ends[i]}};
            return true;
        }
    }
    return false;
}

/* Calls the helper. */
static bool leave(void *ctx, struct vs_txn *t, const struct vs_exit *exit)
{
    struct vs_tcg *c = ctx;
    c->count[VS_CNT_tcg_helpers]++;
    c->ends = exit->own[0] != 0;
    if (t) {
        vs__tcg_work(c, t, VS_ACC_tcg_helper, c->config.helper);
    }
    return true;
}

/* Returns from the helper, out of the block where it ends that. */
static bool enter(void *ctx, struct vs_txn *t)
{
    struct vs_tcg *c = ctx;
    (void)t;
    if (c->ends) {
        c->wire.leave_block(c->wire.ctx);
    }
    return true;
}

/* Says nothing, since a call cannot fail. */
static void why(void *ctx, char *out, size_t bytes)
{
    (void)ctx;
    if (bytes) {
        *out = 0; /* a call cannot fail */
    }
}

/* The process's own translations are the host's business: nothing of the guest's is in them. */
static bool flush_tag(void *ctx, struct vs_txn *t, enum vs_world_flush what, uint16_t tag,
                      vs_gva at)
{
    (void)tag;
    if (t && what == VS_WORLD_PAGE) {
        vs_tcg_flush_page(ctx, t, at.v);
    } else if (t) {
        vs_tcg_flush(ctx, t);
    }
    return true;
}

/* Sets the guest's interrupt flag, whose setting ends the block. */
static void mask(void *ctx, bool masked)
{
    struct vs_tcg *c = ctx;
    c->shadow = c->masked && !masked;
    if (c->shadow) { /* STI ends its block */
        c->wire.leave_block(c->wire.ctx);
    }
    c->masked = masked;
}

/* Ends the shadow of STI. */
static void unshadow(void *ctx)
{
    struct vs_tcg *c = ctx;
    c->shadow = false;
}

/* The guest's time-stamp counter, which is the host's. */
static uint64_t clock(void *ctx, uint64_t host)
{
    (void)ctx;
    return host; /* cpu_get_ticks follows the host's counter */
}

/* Says nothing of an exit, since a helper is called with its operands. */
static unsigned says(void *ctx, const struct vs_exit *exit, struct vs_note *out)
{
    (void)ctx, (void)exit, (void)out;
    return 0; /* a helper is called with its operands */
}

/* TCG as a world. */
struct vs_world_port vs_tcg_world(struct vs_tcg *c)
{
    vs_tcg_register();
    return (struct vs_world_port){.ctx = c,
                                  .leaves = leaves,
                                  .leave = leave,
                                  .enter = enter,
                                  .why = why,
                                  .flush_tag = flush_tag,
                                  .mask = mask,
                                  .unshadow = unshadow,
                                  .clock = clock,
                                  .says = says};
}

/* ---- the state port: fields of the emulated processor, in memory ---- */

/* Where a field is. */
static vs_hpa field(const struct vs_tcg *c, enum vs_state what)
{
    return (vs_hpa){c->state_page + (uint64_t)what * 8u};
}

/* Reads a register of the guest in QEMU's structure. */
static bool read_state(void *ctx, struct vs_txn *t, enum vs_state what, uint64_t *value)
{
    struct vs_tcg *c = ctx;
    if (t) {
        c->wire.mem.touch(c->wire.mem.ctx, t, field(c, what), VS_REF_READ);
    }
    *value = vs_phys_read64(c->wire.phys, field(c, what));
    if (what == VS_STATE_FLAGS) {
        *value = (*value & ~(uint64_t)RFLAGS_IF) | (c->masked ? 0 : RFLAGS_IF);
    } else if (what == VS_STATE_INTERRUPTIBILITY) {
        *value = c->shadow;
    }
    return true;
}

/* Writes a register of the guest in QEMU's structure. */
static bool write_state(void *ctx, struct vs_txn *t, enum vs_state what, uint64_t value)
{
    struct vs_tcg *c = ctx;
    if (t) {
        c->wire.mem.touch(c->wire.mem.ctx, t, field(c, what), VS_REF_WRITE);
    }
    vs_phys_write64(c->wire.phys, field(c, what), value);
    c->shadow = c->shadow && (what != VS_STATE_INTERRUPTIBILITY || value);
    return true;
}

/* The guest's registers as TCG keeps them. */
struct vs_state_port vs_tcg_state(struct vs_tcg *c)
{
    return (struct vs_state_port){c, read_state, write_state, NULL, false};
}
