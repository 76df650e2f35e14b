/* SPDX-License-Identifier: MIT */
#include "apic/apic_impl.h"

#include <string.h>

#define VS_DEF_NAME apic
#define VS_DEF_FILE "apic/apic.def"
#include "virtsim/def_tables.h"

#define PI_CONTROL 32u /* byte offset of ON, SN, NV, NDST */
#define PI_ON 1ull
#define PI_SN 2ull

/* An APIC as Linux leaves it at boot. */
void vs_apic_init(struct vs_apic *a, const struct vs_apic_config *c, struct vs_ledger *ledger,
                  struct vs_clock clock, struct vs_phys *phys, vs_hpa pi,
                  uint8_t notification_vector)
{
    memset(a, 0, sizeof *a);
    a->cfg = *c;
    a->account = vs_ledger_accounts(ledger, &vs_apic_desc);
    a->message_ps = c->message * clock.period_ps;
    a->accept_ps = c->accept * clock.period_ps;
    a->eoi_ps = c->eoi_native * clock.period_ps;
    a->evaluate_ps = c->evaluate * clock.period_ps;
    a->pi_ps = c->pi_process * clock.period_ps;
    a->icr_ps = c->icr * clock.period_ps;
    a->xapic_ps = c->xapic_native * clock.period_ps;
    a->doorbell_ps = c->doorbell * clock.period_ps;
    a->svr = 0x1ffu; /* as Linux leaves it: on, SPURIOUS_APIC_VECTOR; the timer by TSC deadline */
    a->lvt[1] = 0x400ecu;
    a->phys = phys;
    a->pi = pi;
    vs_pi_notify(a, notification_vector, 0);
}

/* Charges time to one of the APIC's accounts. */
static void charge(const struct vs_apic *a, struct vs_txn *t, unsigned account, uint64_t ps)
{
    vs_ps d = {ps};
    vs_charge_beside(t, (uint16_t)(a->account + account), d);
}

/* The highest vector that is set, -1 if none is. */
static int highest(const uint64_t *bits)
{
    for (int i = 3; i >= 0; i--) {
        if (bits[i]) {
            return 64 * i + 63 - __builtin_clzll(bits[i]);
        }
    }
    return -1;
}

/* Says whether a vector is set. */
static bool test(const uint64_t *bits, uint8_t v)
{
    return (bits[v >> 6] >> (v & 63u)) & 1u;
}

bool vs_apic_raise(struct vs_apic *a, uint8_t vector, vs_ps at)
{
    if (vector < 16) {
        return false;
    }
    a->count[VS_CNT_apic_raised]++;
    if (test(a->irr, vector)) {
        a->count[VS_CNT_apic_merged]++;
        return false;
    }
    a->irr[vector >> 6] |= 1ull << (vector & 63u);
    a->raised_ps[vector] = at.v;
    return true;
}

uint8_t vs_apic_rvi(const struct vs_apic *a)
{
    int v = highest(a->irr);
    return v >= 0 ? (uint8_t)v : 0;
}

uint8_t vs_apic_svi(const struct vs_apic *a)
{
    int v = highest(a->isr);
    return v >= 0 ? (uint8_t)v : 0;
}

uint8_t vs_apic_ppr(const struct vs_apic *a)
{
    uint8_t service = vs_apic_svi(a);
    return (a->tpr >> 4) >= (service >> 4) ? a->tpr : service & 0xf0u;
}

uint8_t vs_apic_pending(const struct vs_apic *a)
{
    if (!(a->irr[0] | a->irr[1] | a->irr[2] | a->irr[3])) {
        return VS_APIC_NONE; /* as nearly always */
    }
    uint8_t request = vs_apic_rvi(a);
    return (request >> 4) > (vs_apic_ppr(a) >> 4) ? request : VS_APIC_NONE;
}

void vs_apic_deliver(struct vs_apic *a, struct vs_txn *t, uint8_t vector, enum vs_irq_how how)
{
    a->irr[vector >> 6] &= ~(1ull << (vector & 63u));
    a->isr[vector >> 6] |= 1ull << (vector & 63u);
    a->count[VS_CNT_apic_delivered]++;
    if (how == VS_IRQ_ACCEPTED) {
        charge(a, t, VS_ACC_apic_accept, a->accept_ps);
    } else if (how == VS_IRQ_EVALUATED) {
        charge(a, t, VS_ACC_apic_evaluate, a->evaluate_ps);
    }
}

/* The x2APIC's ICR is written without an exit. */
static void apic_send(struct vs_apic *a, struct vs_txn *t)
{
    charge(a, t, VS_ACC_apic_icr, a->icr_ps);
}

/* A memory-mapped register is read or written without an exit. */
static void apic_touch(struct vs_apic *a, struct vs_txn *t)
{
    charge(a, t, VS_ACC_apic_xapic, a->xapic_ps);
}

uint8_t vs_apic_eoi(struct vs_apic *a, struct vs_txn *t, bool exits)
{
    int v = highest(a->isr);
    if (v >= 0) {
        a->isr[v >> 6] &= ~(1ull << (v & 63));
    }
    a->count[VS_CNT_apic_eois]++;
    if (!exits && a->cfg.mode == VS_APIC_XAPIC) {
        apic_touch(a, t);
    } else if (!exits) {
        charge(a, t, VS_ACC_apic_eoi, a->eoi_ps);
    }
    return v >= 0 ? (uint8_t)v : VS_APIC_NONE;
}

/* An address in the posted-interrupt descriptor. */
static vs_hpa at_offset(const struct vs_apic *a, uint64_t offset)
{
    vs_hpa h = {a->pi.v + offset};
    return h;
}

/* The descriptor has taken a vector; `notified`: and a notification is sent. Counts it. */
static void pi_posted(struct vs_apic *a, bool notified)
{
    a->count[VS_CNT_apic_posts]++;
    a->count[VS_CNT_apic_notifications] += notified;
}

bool vs_pi_post(struct vs_apic *a, uint8_t vector, vs_ps at)
{
    vs_hpa word = at_offset(a, (vector >> 6) * 8u), control = at_offset(a, PI_CONTROL);
    uint64_t pir = vs_phys_read64(a->phys, word), c = vs_phys_read64(a->phys, control),
             bit = 1ull << (vector & 63u);
    bool notify = !(c & (PI_ON | PI_SN));
    pi_posted(a, notify);
    if (!(pir & bit)) {
        a->raised_ps[vector] = at.v;
    }
    vs_phys_write64(a->phys, word, pir | bit);
    if (notify) {
        vs_phys_write64(a->phys, control, c | PI_ON);
    }
    return notify;
}

unsigned vs_pi_sync(struct vs_apic *a, struct vs_txn *t, const struct vs_mem_port *mem)
{
    unsigned moved = 0;
    vs_hpa control = at_offset(a, PI_CONTROL);
    charge(a, t, VS_ACC_apic_posted_processing, a->pi_ps);
    uint64_t c = mem->load(mem->ctx, t, control);
    mem->store(mem->ctx, t, control, c & ~PI_ON);
    a->count[VS_CNT_apic_posted_syncs]++;
    for (unsigned i = 0; i < 4; i++) {
        vs_hpa word = at_offset(a, i * 8u);
        uint64_t pir = vs_phys_read64(a->phys, word); /* the same line: its time is paid above */
        vs_phys_write64(a->phys, word, 0);
        for (uint64_t rest = pir; rest; rest &= rest - 1) {
            uint8_t v = (uint8_t)(64u * i + (unsigned)__builtin_ctzll(rest));
            vs_ps at = {a->raised_ps[v]};
            vs_apic_raise(a, v, at);
            moved++;
        }
    }
    return moved;
}

bool vs_pi_suppress(struct vs_apic *a, bool on)
{
    vs_hpa control = at_offset(a, PI_CONTROL);
    uint64_t c = vs_phys_read64(a->phys, control);
    bool due = !on && !(c & PI_ON) && vs_pi_outstanding(a);
    vs_phys_write64(a->phys, control, on ? c | PI_SN : (c & ~PI_SN) | (due ? PI_ON : 0));
    a->count[VS_CNT_apic_notifications] += due;
    return due;
}

void vs_pi_notify(struct vs_apic *a, uint8_t vector, uint32_t apic_id)
{
    vs_hpa control = at_offset(a, PI_CONTROL);
    uint64_t c = vs_phys_read64(a->phys, control) & (PI_ON | PI_SN);
    vs_phys_write64(a->phys, control, c | (uint64_t)vector << 16 | (uint64_t)apic_id << 32);
}

bool vs_pi_outstanding(const struct vs_apic *a)
{
    uint64_t any = 0;
    for (unsigned i = 0; i < 4; i++) {
        any |= vs_phys_read64(a->phys, at_offset(a, i * 8u));
    }
    return any != 0;
}

/* ---- the port ---- */

/* Requests a vector. */
static bool port_raise(void *ctx, uint8_t vector, vs_ps at)
{
    return vs_apic_raise(ctx, vector, at);
}

/* Names the vector that would be delivered now. */
static bool port_pending(const void *ctx, uint8_t *vector)
{
    *vector = vs_apic_pending(ctx);
    return *vector != VS_APIC_NONE;
}

/* Says whether more than one vector is requested. */
static bool port_others(const void *ctx)
{
    const struct vs_apic *a = ctx;
    int n = 0;
    for (unsigned i = 0; i < 4; i++) {
        n += __builtin_popcountll(a->irr[i]);
    }
    return n > 1;
}

/* Delivers a vector. */
static void port_deliver(void *ctx, struct vs_txn *t, uint8_t vector, enum vs_irq_how how)
{
    vs_apic_deliver(ctx, t, vector, how);
}

/* Ends the highest interrupt in service. */
static void port_end(void *ctx, struct vs_txn *t, uint8_t vector, bool exits)
{
    (void)vector; /* a write to EOI names none: it ends the highest in service */
    (void)vs_apic_eoi(ctx, t, exits);
}

/* ICR in x2APIC mode: fixed delivery, physical destination. */
static uint64_t port_command(uint8_t vector, unsigned to)
{
    return vector | (uint64_t)to << 32;
}

/* Reads a register, or says why it cannot be. */
static const char *port_read(void *ctx, uint32_t reg, uint64_t *value)
{
    return vs_apic_read(ctx, reg, value);
}

/* Writes a register, or says why it cannot be. */
static const char *port_write(void *ctx, uint32_t reg, uint64_t value)
{
    return vs_apic_write(ctx, reg, value);
}

/* Sets the task priority. */
static void port_mask(void *ctx, uint8_t priority)
{
    struct vs_apic *a = ctx;
    a->tpr = priority;
}

/* Forgets all requests, as an INIT does. */
static void port_reset(void *ctx)
{
    struct vs_apic *a = ctx;
    memset(a->irr, 0, sizeof a->irr);
    memset(a->isr, 0, sizeof a->isr);
    a->tpr = 0;
}

/* Names the highest vector requested, whatever its priority. */
static bool port_requested(const void *ctx, uint8_t *vector)
{
    *vector = vs_apic_rvi(ctx);
    return *vector != VS_APIC_NONE;
}

/* Sends an interrupt to another APIC. */
static void port_send(void *ctx, struct vs_txn *t)
{
    apic_send(ctx, t);
}

/* Accesses the APIC's page. */
static void port_access(void *ctx, struct vs_txn *t)
{
    apic_touch(ctx, t);
}

/* Posts a vector, and says whether a notification is due. */
static bool port_post(void *ctx, uint8_t vector, vs_ps at)
{
    return vs_pi_post(ctx, vector, at);
}

/* Counts a posted interrupt with or without its notification. */
static void port_posted(void *ctx, bool notified)
{
    pi_posted(ctx, notified);
}

/* Moves posted requests into the APIC. */
static void port_sync(void *ctx, struct vs_txn *t, const struct vs_mem_port *mem)
{
    (void)vs_pi_sync(ctx, t, mem);
}

struct vs_irq_port vs_apic_port(struct vs_apic *a)
{
    return (struct vs_irq_port){
        .ctx = a,
        .raise = port_raise,
        .pending = port_pending,
        .others = port_others,
        .deliver = port_deliver,
        .end = port_end,
        .command = port_command,
        .reaches = vs_apic_reaches,
        .read = port_read,
        .write = port_write,
        .mask = port_mask,
        .reset = port_reset,
        .requested = port_requested,
        .send = port_send,
        .access = port_access,
        .post = port_post,
        .posted = port_posted,
        .sync = port_sync,
        .message_ps = a->message_ps,
        .message = (uint16_t)(a->account + VS_ACC_apic_message),
        .waits = (uint16_t)(a->account + VS_ACC_apic_pending),
        .descriptor = a->pi,
    };
}

void vs_apic_facts(const void *config, const struct vs_facts *to)
{
    struct vs_apic *a = NULL;
    (void)config;
    vs_fact(to, "local APIC", "apic.vectors", sizeof a->raised_ps / sizeof *a->raised_ps, "vectors",
            "size of what it keeps of each (model/apic/apic.h); SDM 3A 11.8.4");
    vs_fact(to, "local APIC", "apic.request_registers.bits", 8 * sizeof a->irr, "bits",
            "size of IRR (model/apic/apic.h); SDM 3A 11.8.4");
}
