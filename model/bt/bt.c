/* SPDX-License-Identifier: MIT */
/* What a translated kernel does for its privileged instructions. */
#include "bt/bt.h"

#include "virtsim/knob.h"
#include "virtsim/x86.h"

#define VS_DEF_NAME bt
#define VS_DEF_FILE "bt/bt.def"
#include "virtsim/def_tables.h"

#define PAGE_FAULT 14u
#define CALLED (VS_EXIT_WORDS - 1u) /* word of an exit that says that it is a callout */

enum {
#define VS_CALLOUT(e, name, trap, text) OP_##e,
#include "bt/callouts.def"
#undef VS_CALLOUT
    CALLOUTS
};

static enum vs_op ops[CALLOUTS];

static const enum vs_trap_kind kinds[CALLOUTS] = {
#define VS_CALLOUT(e, name, trap, text) VS_TRAP_##trap,
#include "bt/callouts.def"
#undef VS_CALLOUT
};

/* Registers binary translation's operations. */
void vs_bt_register(void)
{
    static const struct vs_op_desc list[CALLOUTS] = {
#define VS_CALLOUT(e, name, trap, text)                                                            \
    {name, "call of the monitor by translated code: " text, NULL, VS_TRAP_##trap},
#include "bt/callouts.def"
#undef VS_CALLOUT
    };
    vs_ops_register(vs_bt_desc.name, list, CALLOUTS, ops);
}

/* Makes the world of a vCPU whose kernel is translated, around the one its programs run in. */
void vs_bt_init(struct vs_bt *b, const struct vs_bt_config *config, struct vs_ledger *ledger,
                const struct vs_world_port *inner, const struct vs_core_port *core)
{
    *b = (struct vs_bt){.config = *config, .inner = *inner, .core = *core};
    b->base = vs_ledger_accounts(ledger, &vs_bt_desc);
}

/* Executes instructions on an account. */
static void work(struct vs_bt *b, struct vs_txn *t, unsigned account, uint64_t n)
{
    if (t) {
        b->core.work(b->core.ctx, t, (uint16_t)(b->base + account), n);
    }
}

/* Short enough for the cache: the flags, and what only shows a register of the virtual processor.
 */
static bool in_cache(const struct vs_trap *t)
{
    return t->kind == VS_TRAP_FLAGS || vs_x86_shows(t->x86);
}

/* A store of the kernel's to a page that the monitor guards: present, and not writable. Its
 * instruction, the one that sets entries of page tables, has faulted often enough. */
static bool adapted(struct vs_bt *b, const struct vs_trap *t)
{
    const uint32_t store = 3; /* P and W/R of the error code */
    if (t->kind != VS_TRAP_EXCEPTION || t->number != PAGE_FAULT || t->cpl ||
        (t->error_code & store) != store || !b->config.adapt_after) {
        return false;
    }
    return ++b->stores > b->config.adapt_after;
}

/* Decides whether a trap calls the monitor; what isn't translated is the inner world's. */
static bool leaves(void *ctx, struct vs_txn *t, const struct vs_trap *trap, struct vs_exit *exit)
{
    struct vs_bt *b = ctx;
    if (in_cache(trap)) {
        b->count[VS_CNT_bt_in_cache]++;
        work(b, t, VS_ACC_bt_in_cache, b->config.in_cache);
        return false;
    }
    const bool again = adapted(b, trap);
    b->count[VS_CNT_bt_adapted] += again;
    for (unsigned i = 0; i < CALLOUTS; i++) {
        if (kinds[i] == trap->kind && (i != OP_PF || again) &&
            !(trap->x86 == VS_X86_RDRAND || trap->x86 == VS_X86_RDSEED)) {
            *exit = (struct vs_exit){.op = ops[i],
                                     .trap = trap->kind,
                                     .gpa = trap->gpa,
                                     .gva = trap->gva,
                                     .length = trap->length,
                                     .own = {[CALLED] = 1}};
            return true;
        }
    }
    return b->inner.leaves(b->inner.ctx, t, trap, exit);
}

/* Calls the monitor, or leaves as the inner world does. */
static bool leave(void *ctx, struct vs_txn *t, const struct vs_exit *exit)
{
    struct vs_bt *b = ctx;
    b->called = exit->own[CALLED] != 0;
    if (!b->called) {
        return b->inner.leave(b->inner.ctx, t, exit);
    }
    b->count[VS_CNT_bt_callouts]++;
    work(b, t, VS_ACC_bt_callout, b->config.callout);
    return true;
}

/* Returns to translated code, or enters as the inner world does. */
static bool enter(void *ctx, struct vs_txn *t)
{
    struct vs_bt *b = ctx;
    if (b->called) { /* the way back is in bt.callout */
        b->called = false;
        return true;
    }
    return b->inner.enter(b->inner.ctx, t);
}

/* Says why the inner world failed. */
static void why(void *ctx, char *out, size_t bytes)
{
    const struct vs_bt *b = ctx;
    b->inner.why(b->inner.ctx, out, bytes);
}

/* Flushes a tag as the inner world does. */
static bool flush_tag(void *ctx, struct vs_txn *t, enum vs_world_flush what, uint16_t tag,
                      vs_gva at)
{
    const struct vs_bt *b = ctx;
    return b->inner.flush_tag(b->inner.ctx, t, what, tag, at);
}

/* Sets the guest's interrupt flag. */
static void mask(void *ctx, bool masked)
{
    const struct vs_bt *b = ctx;
    b->inner.mask(b->inner.ctx, masked);
}

/* Ends an interrupt shadow. */
static void unshadow(void *ctx)
{
    const struct vs_bt *b = ctx;
    b->inner.unshadow(b->inner.ctx);
}

/* The guest's time-stamp counter at a moment of the host's. */
static uint64_t clock(void *ctx, uint64_t host)
{
    const struct vs_bt *b = ctx;
    return b->inner.clock(b->inner.ctx, host);
}

/* Says what an exit's notes hold; a call has none. */
static unsigned says(void *ctx, const struct vs_exit *exit, struct vs_note *out)
{
    const struct vs_bt *b = ctx;
    return exit->own[CALLED] ? 0 : b->inner.says(b->inner.ctx, exit, out);
}

/* Loads a vCPU as the inner world does. */
static void load(void *ctx, struct vs_txn *t)
{
    const struct vs_bt *b = ctx;
    b->inner.load(b->inner.ctx, t);
}

/* Binary translation as a world. */
struct vs_world_port vs_bt_world(struct vs_bt *b)
{
    vs_bt_register();
    return (struct vs_world_port){.ctx = b,
                                  .leaves = leaves,
                                  .leave = leave,
                                  .enter = enter,
                                  .why = why,
                                  .flush_tag = flush_tag,
                                  .mask = mask,
                                  .unshadow = unshadow,
                                  .clock = clock,
                                  .says = says,
                                  .load = load};
}
