/* SPDX-License-Identifier: MIT */
#include "gic/gic.h"

#include <string.h>

#define VS_DEF_NAME gic
#define VS_DEF_FILE "gic/gic.def"
#include "virtsim/def_tables.h"

#define WORDS (VS_GIC_INTIDS / 64u)
#define PRIORITY_BITS 0xf8u /* 5 bits */
#define LR_STATE (VS_LR_PENDING | VS_LR_ACTIVE)

/* ICC_SGI1R_EL1 */
#define SGI_INTID_SHIFT 24
#define SGI_IRM (1ull << 40)

/* A vCPU's redistributor, CPU interface and list registers after reset. */
void vs_gic_init(struct vs_gic *g, const struct vs_gic_config *c, const struct vs_gic_wiring *w)
{
    memset(g, 0, sizeof *g);
    g->cfg = *c;
    g->wire = *w;
    g->account = vs_ledger_accounts(w->ledger, &vs_gic_desc);
    g->message_ps = c->message * w->clock.period_ps;
    g->signal_ps = c->signal * w->clock.period_ps;
    g->acknowledge_ps = c->acknowledge * w->clock.period_ps;
    g->eoi_ps = c->eoi * w->clock.period_ps;
    g->sgi_ps = c->sgi * w->clock.period_ps;
    g->its_ps = c->its * w->clock.period_ps;
    g->system_ps = w->system_cycles * w->clock.period_ps;
    memset(g->priority, VS_GIC_PRIORITY, sizeof g->priority);
    g->mapped[VS_GIC_VIRTUAL_TIMER] = w->virtual;
}

/* Charges time to one of the GIC's accounts. */
static void charge(const struct vs_gic *g, struct vs_txn *t, unsigned account, uint64_t ps)
{
    vs_ps d = {ps};
    vs_charge_beside(t, (uint16_t)(g->account + account), d);
}

/* Says whether an interrupt is set. */
static bool test(const uint64_t *bits, unsigned i)
{
    return bits[i >> 6] >> (i & 63u) & 1u;
}

/* Sets or clears an interrupt. */
static void set(uint64_t *bits, unsigned i, bool on)
{
    uint64_t bit = 1ull << (i & 63u);
    bits[i >> 6] = (bits[i >> 6] & ~bit) | (on ? bit : 0);
}

/* ---- priorities ---- */

void vs_gic_prioritize(struct vs_gic *g, uint8_t intid, uint8_t priority)
{
    g->priority[intid] = priority & PRIORITY_BITS;
}

uint8_t vs_gic_running(const struct vs_gic *g)
{
    return g->running ? (uint8_t)(__builtin_ctz(g->running) << 3) : VS_GIC_IDLE;
}

/* Above the mask, and above what runs: IHI 0069, 4.8.6 and 4.8.7. */
static bool sufficient(const struct vs_gic *g, uint8_t priority)
{
    return priority < g->mask && priority < vs_gic_running(g);
}

/* ---- states ---- */

/* Makes an interrupt pending. */
static bool raise(void *ctx, uint8_t intid, vs_ps at)
{
    struct vs_gic *g = ctx;
    (void)at;
    g->count[VS_CNT_gic_raised]++;
    if (test(g->pending, intid)) {
        g->count[VS_CNT_gic_merged]++;
        return false;
    }
    set(g->pending, intid, true);
    set(g->held, intid, g->mapped[intid]);
    g->since[intid] = ++g->arrivals;
    return true;
}

/* Says whether an interrupt is in a list register or about to be. */
static bool held(const void *ctx, uint8_t intid)
{
    const struct vs_gic *g = ctx;
    return test(g->held, intid);
}

/* The list register of the pending interrupt that comes first; VS_GIC_LISTS: none. */
static unsigned first_list(const struct vs_gic *g)
{
    unsigned best = VS_GIC_LISTS;
    uint8_t priority = VS_GIC_IDLE;
    for (unsigned i = 0; i < g->used; i++) {
        uint8_t p = (uint8_t)(g->lr[i] >> VS_LR_PRIORITY_SHIFT);
        if ((g->lr[i] & LR_STATE) == VS_LR_PENDING && p < priority) {
            priority = p;
            best = i;
        }
    }
    return best;
}

enum { NO_DIRECT, V4, V4_1 }; /* gic.direct_injection */

/* The interrupt that comes first of those in the virtual processor's table; -1: there is none. */
static int first_direct(const struct vs_gic *g)
{
    int best = -1;
    for (unsigned w = 0; w < WORDS; w++) {
        for (uint64_t rest = g->direct[w]; rest; rest &= rest - 1) {
            int i = (int)(64u * w) + __builtin_ctzll(rest);
            best = best < 0 || g->priority[i] < g->priority[best] ? i : best;
        }
    }
    return best;
}

/* Whether the ITS delivers it to a virtual processor: a device's message with GICv4, with GICv4.1
 * an SGI, too (IHI 0069H, 5 and 4.5). */
static bool is_direct(const struct vs_gic *g, uint8_t intid)
{
    return (g->cfg.direct >= V4 && intid >= VS_GIC_SPI) ||
           (g->cfg.direct == V4_1 && intid < VS_GIC_SGIS);
}

/* GICv4: a device's message becomes pending without the hypervisor; GICv4.1: an SGI does, too.
 * Neither has an active state. */
static bool post(void *ctx, uint8_t intid, vs_ps at)
{
    struct vs_gic *g = ctx;
    (void)at;
    if (is_direct(g, intid)) {
        g->count[VS_CNT_gic_raised]++;
        g->count[VS_CNT_gic_direct]++;
        g->count[VS_CNT_gic_merged] += test(g->direct, intid);
        set(g->direct, intid, true);
    }
    return is_direct(g, intid);
}

/* How much longer such a message takes. */
static uint64_t post_ps(const void *ctx, uint8_t intid)
{
    const struct vs_gic *g = ctx;
    return is_direct(g, intid) ? g->its_ps : 0;
}

/* The pending interrupt that comes first of those distributor and redistributor have: of equal
 * priority the one with the lowest INTID. */
static int first_state(const struct vs_gic *g)
{
    int best = -1;
    for (unsigned w = 0; w < WORDS; w++) {
        for (uint64_t rest = g->pending[w] & ~g->active[w]; rest; rest &= rest - 1) {
            int i = (int)(64u * w) + __builtin_ctzll(rest);
            best = best < 0 || g->priority[i] < g->priority[best] ? i : best;
        }
    }
    return best;
}

/* Names the interrupt that the CPU interface would deliver now. */
static bool pending(const void *ctx, uint8_t *intid)
{
    const struct vs_gic *g = ctx;
    int own = first_direct(g);
    if (g->loaded) {
        unsigned i = first_list(g);
        bool listed = i < VS_GIC_LISTS;
        uint8_t priority = listed ? (uint8_t)(g->lr[i] >> VS_LR_PRIORITY_SHIFT) : VS_GIC_IDLE;
        if (own >= 0 && g->priority[own] <= priority) {
            *intid = (uint8_t)own;
            return sufficient(g, g->priority[own]);
        }
        *intid = listed ? (uint8_t)(g->lr[i] & VS_LR_INTID) : 0;
        return listed && sufficient(g, priority);
    }
    int i = first_state(g);
    i = own >= 0 && (i < 0 || g->priority[own] <= g->priority[i]) ? own : i;
    *intid = i < 0 ? 0 : (uint8_t)i;
    return i >= 0 && sufficient(g, g->priority[i]);
}

/* The list register that holds an interrupt in this state; VS_GIC_LISTS: none. */
static unsigned list_of(const struct vs_gic *g, uint8_t intid, uint64_t state)
{
    unsigned i = 0;
    while (i < g->used && ((g->lr[i] & VS_LR_INTID) != intid || !(g->lr[i] & state))) {
        i++;
    }
    return i < g->used ? i : VS_GIC_LISTS;
}

/* Acknowledges an interrupt. */
static void deliver(void *ctx, struct vs_txn *t, uint8_t intid, enum vs_irq_how how)
{
    struct vs_gic *g = ctx;
    uint8_t priority = g->priority[intid];
    (void)how; /* physical and virtual CPU interface do the same */
    if (test(g->direct, intid)) {
        set(g->direct, intid, false);
    } else if (g->loaded) {
        unsigned i = list_of(g, intid, VS_LR_PENDING);
        priority = (uint8_t)(g->lr[i] >> VS_LR_PRIORITY_SHIFT);
        g->lr[i] ^= LR_STATE;
    } else {
        set(g->pending, intid, false);
        set(g->active, intid, true);
    }
    g->running |= 1u << (priority >> 3);
    g->count[VS_CNT_gic_acknowledged]++;
    charge(g, t, VS_ACC_gic_signal, g->signal_ps);
    charge(g, t, VS_ACC_gic_acknowledge, g->acknowledge_ps);
}

/* EOImode 0: the highest running priority is dropped, the interrupt deactivated. */
static void end(void *ctx, struct vs_txn *t, uint8_t intid, bool exits)
{
    struct vs_gic *g = ctx;
    g->running &= g->running - 1u;
    g->count[VS_CNT_gic_ended]++;
    if (g->loaded) {
        unsigned i = list_of(g, intid, VS_LR_ACTIVE);
        if (i < VS_GIC_LISTS) {
            g->lr[i] &= ~VS_LR_ACTIVE;
            if (g->lr[i] & VS_LR_HW) {
                set(g->held, (unsigned)(g->lr[i] >> VS_LR_PINTID_SHIFT & 0x3ffu), false);
                g->count[VS_CNT_gic_deactivated]++;
            }
        }
    } else {
        set(g->active, intid, false);
    }
    if (!exits) {
        charge(g, t, VS_ACC_gic_eoi, g->eoi_ps);
    }
}

/* Sets the priority mask. */
static void mask(void *ctx, uint8_t priority)
{
    struct vs_gic *g = ctx;
    g->mask = priority & PRIORITY_BITS;
}

/* ---- SGIs ---- */

/* One processor: MPIDR_EL1 as KVM numbers vCPUs, Aff0 0 to 15. */
static uint64_t command(uint8_t intid, unsigned to)
{
    uint64_t aff1 = to >> 4 & 0xffu, aff2 = to >> 12 & 0xffu;
    return (uint64_t)(intid & 15u) << SGI_INTID_SHIFT | 1ull << (to & 15u) | aff1 << 16 |
           aff2 << 32;
}

/* IRM: all but the processor that writes it. */
static bool reaches(uint64_t value, unsigned from, unsigned cpu)
{
    bool cluster = (value >> 16 & 0xffu) == (cpu >> 4 & 0xffu) &&
                   (value >> 32 & 0xffu) == (cpu >> 12 & 0xffu) && !(value >> 48 & 0xffu) &&
                   !(value >> 44 & 15u);
    return value & SGI_IRM ? cpu != from : cluster && value >> (cpu & 15u) & 1u;
}

/* Sends a software-generated interrupt. */
static void send(void *ctx, struct vs_txn *t)
{
    const struct vs_gic *g = ctx;
    charge(g, t, VS_ACC_gic_sgi, g->sgi_ps);
}

/* ---- list registers ---- */

/* Accesses the interface's registers and the lines they are kept in. */
static void registers(const struct vs_gic *g, struct vs_txn *t, unsigned account, unsigned lines,
                      uint64_t n, enum vs_ref ref)
{
    vs_ps d = {n * g->system_ps};
    if (t) {
        vs_txn_settle(t);
        vs_charge_n(t, (uint16_t)(g->account + account), n, d);
        vs_mem_touches_on(&g->wire.mem, t, g->wire.copies, g->used * 8u, ref,
                          (uint16_t)(g->account + lines));
    }
}

/* Linux's __vgic_v3_save_state: ICH_ELRSR_EL2 says which are empty, the others are read; all are
 * cleared, and so is ICH_HCR_EL2. Then vgic_v3_fold_lr_state. */
static void save(void *ctx, struct vs_txn *t)
{
    struct vs_gic *g = ctx;
    uint64_t accesses = 2u + g->used;
    g->loaded = false;
    if (!g->used) {
        return;
    }
    for (unsigned i = 0; i < g->used; i++) {
        unsigned intid = (unsigned)(g->lr[i] & VS_LR_INTID);
        bool again = test(g->pending, intid);
        set(g->active, intid, (g->lr[i] & VS_LR_ACTIVE) != 0);
        if (g->lr[i] & VS_LR_PENDING) {
            set(g->pending, intid, true);
            g->count[VS_CNT_gic_merged] += again;
        }
        if (g->lr[i] & LR_STATE) {
            accesses++;
            g->count[VS_CNT_gic_list_reads]++;
        }
        g->lr[i] = 0;
    }
    registers(g, t, VS_ACC_gic_save, VS_ACC_gic_save_lines, accesses, VS_REF_WRITE);
    g->used = 0;
}

/* Linux's vgic_irq_cmp: active ones first, then by priority; else as they came. */
static bool before(const struct vs_gic *g, unsigned a, unsigned b, bool sort)
{
    bool x = test(g->active, a), y = test(g->active, b);
    if (sort && x != y) {
        return x;
    }
    if (sort && !x && g->priority[a] != g->priority[b]) {
        return g->priority[a] < g->priority[b];
    }
    return g->since[a] < g->since[b];
}

/* Linux's vgic_v3_populate_lr. One with a physical interrupt behind it is never both. */
static uint64_t list_value(struct vs_gic *g, unsigned intid)
{
    bool is_active = test(g->active, intid), hw = g->mapped[intid],
         is_pending = test(g->pending, intid) && !(hw && is_active);
    if (is_pending) {
        set(g->pending, intid, false); /* an edge: the list register has it now */
    }
    return intid | (uint64_t)g->priority[intid] << VS_LR_PRIORITY_SHIFT | VS_LR_GROUP1 |
           (hw ? VS_LR_HW | (uint64_t)intid << VS_LR_PINTID_SHIFT : 0) |
           (is_pending ? VS_LR_PENDING : 0) | (is_active ? VS_LR_ACTIVE : 0);
}

/* Linux's vgic_flush_lr_state and __vgic_v3_restore_state; without interrupts nothing is done. */
static void load(void *ctx, struct vs_txn *t)
{
    struct vs_gic *g = ctx;
    uint8_t list[VS_GIC_INTIDS];
    unsigned n = 0, room = (unsigned)g->cfg.list_registers;
    for (unsigned w = 0; w < WORDS; w++) {
        for (uint64_t rest = g->pending[w] | g->active[w]; rest; rest &= rest - 1) {
            list[n++] = (uint8_t)(64u * w + (unsigned)__builtin_ctzll(rest));
        }
    }
    g->loaded = true;
    g->used = n < room ? n : room;
    g->underflow = n > room;
    g->count[VS_CNT_gic_no_room] += n - g->used;
    for (unsigned i = 0; i < g->used; i++) {
        for (unsigned k = i + 1u; k < n; k++) {
            if (before(g, list[k], list[i], n > room)) {
                uint8_t other = list[i];
                list[i] = list[k];
                list[k] = other;
            }
        }
        g->lr[i] = list_value(g, list[i]);
    }
    if (g->used) {
        g->count[VS_CNT_gic_list_writes] += g->used;
        registers(g, t, VS_ACC_gic_load, VS_ACC_gic_load_lines, 1u + g->used,
                  VS_REF_READ); /* and ICH_HCR_EL2 */
    }
}

/* ICH_MISR_EL2.U: at most one list register holds an interrupt. */
static bool maintenance(void *ctx)
{
    struct vs_gic *g = ctx;
    unsigned valid = 0;
    for (unsigned i = 0; i < g->used; i++) {
        valid += (g->lr[i] & LR_STATE) != 0;
    }
    bool due = g->loaded && g->underflow && valid < 2u;
    g->count[VS_CNT_gic_underflows] += due;
    return due;
}

struct vs_irq_port vs_gic_port(struct vs_gic *g)
{
    return (struct vs_irq_port){
        .ctx = g,
        .raise = raise,
        .pending = pending,
        .deliver = deliver,
        .end = end,
        .mask = mask,
        .command = command,
        .reaches = reaches,
        .send = send,
        .post = g->wire.virtual && g->cfg.direct ? post : NULL,
        .post_ps = g->wire.virtual && g->cfg.direct ? post_ps : NULL,
        .held = g->wire.virtual ? held : NULL,
        .save = g->wire.virtual ? save : NULL,
        .load = g->wire.virtual ? load : NULL,
        .maintenance = g->wire.virtual ? maintenance : NULL,
        .message_ps = g->message_ps,
        .message = (uint16_t)(g->account + VS_ACC_gic_message),
        .waits = (uint16_t)(g->account + VS_ACC_gic_pending),
        .through = (uint16_t)(g->account + VS_ACC_gic_its),
    };
}

void vs_gic_facts(const void *config, const struct vs_facts *to)
{
    const struct vs_gic_config *c = config;
    vs_fact(to, "GIC", "gic.list_registers", c->list_registers, "registers",
            "knob gic.list_registers; Arm IHI 0069, ICH_VTR_EL2.ListRegs");
    vs_fact(to, "GIC", "gic.list_registers.most", VS_GIC_LISTS, "registers",
            "model/gic/gic.h; Arm IHI 0069, ICH_LR<n>_EL2");
    vs_fact(to, "GIC", "gic.intids", VS_GIC_INTIDS, "INTIDs",
            "model/gic/gic.h; Arm IHI 0069, GICD_TYPER.ITLinesNumber");
}
