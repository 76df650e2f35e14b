/* SPDX-License-Identifier: MIT */
/* What faults outside of ring 0, what does not, and the way into the monitor and back. */
#include "deprivileged/deprivileged.h"

#include "virtsim/x86.h"

#include <stdio.h>
#include <string.h>

#define VS_DEF_NAME deprivileged
#define VS_DEF_FILE "deprivileged/deprivileged.def"
#include "virtsim/def_tables.h"

#define PAGE_FAULT 14u
#define RFLAGS_IF (1u << 9)
enum { FRAME_WORDS = 6, REGISTERS = 15, SEGMENTS = 4 }; /* RSP is in the frame */

enum {
#define VS_FAULT_EXIT(e, vector, name, trap, text, rule) OP_##e,
#include "deprivileged/faults.def"
#undef VS_FAULT_EXIT
    EXITS,
    STAYS = EXITS
};

static enum vs_op ops[EXITS];

static const uint32_t vectors[EXITS] = {
#define VS_FAULT_EXIT(e, vector, name, trap, text, rule) vector,
#include "deprivileged/faults.def"
#undef VS_FAULT_EXIT
};

/* What an exit carries. */
enum { VECTOR, ERROR };

void vs_deprivileged_register_as(const char *world)
{
    static const struct vs_op_desc list[EXITS] = {
#define VS_FAULT_EXIT(e, vector, name, trap, text, rule)                                           \
    {name, "fault into the monitor: " text, NULL, VS_TRAP_##trap},
#include "deprivileged/faults.def"
#undef VS_FAULT_EXIT
    };
    vs_ops_register(world, list, EXITS, ops);
}

void vs_deprivileged_register(void)
{
    vs_deprivileged_register_as(vs_deprivileged_desc.name);
}

void vs_deprivileged_init(struct vs_deprivileged *d, const struct vs_deprivileged_config *config,
                          const struct vs_deprivileged_wiring *wiring, vs_hpa at)
{
    memset(d, 0, sizeof *d);
    d->config = *config;
    d->wire = *wiring;
    d->base = vs_ledger_accounts(wiring->ledger, &vs_deprivileged_desc);
    d->at = at;
    d->in_guest = true;
}

/* ---- what leaves the guest ---- */

/* The sensitive instruction executes as if nothing were virtual. */
static int hole(struct vs_deprivileged *d, unsigned counter)
{
    d->count[VS_CNT_deprivileged_holes]++;
    d->count[counter]++;
    return STAYS;
}

/* SGDT, SIDT, SLDT and STR are privileged with UMIP alone; the loads always are. */
static int table(struct vs_deprivileged *d, const struct vs_trap *t)
{
    return !vs_x86_stores_table(t->x86) || d->config.umip
               ? OP_TABLE
               : hole(d, VS_CNT_deprivileged_holes_tables);
}

/* The exit of a trap by the rules of faults.def, STAYS: none. */
static int decide(struct vs_deprivileged *d, const struct vs_trap *t)
{
    switch (t->kind) {
    case VS_TRAP_HALT:
        return OP_HLT;
    case VS_TRAP_CPU_ID:
        return d->config.cpuid_faulting ? OP_CPUID : hole(d, VS_CNT_deprivileged_holes_cpuid);
    case VS_TRAP_TIMESTAMP:
        return d->config.time_stamp_disable ? OP_RDTSC : STAYS;
    case VS_TRAP_INVALIDATE:
        return OP_INVALIDATE;
    case VS_TRAP_CONTROL_REGISTER:
        return t->x86 != VS_X86_SMSW || d->config.umip ? OP_CR
                                                       : hole(d, VS_CNT_deprivileged_holes_status);
    case VS_TRAP_DEBUG_REGISTER:
        return OP_DR;
    case VS_TRAP_PIO:
        return OP_IO;
    case VS_TRAP_MSR_READ:
        return OP_RDMSR;
    case VS_TRAP_MSR_WRITE:
        return OP_WRMSR;
    case VS_TRAP_FLAGS:
        return t->x86 ? hole(d, VS_CNT_deprivileged_holes_flags) : OP_FLAG;
    case VS_TRAP_DESCRIPTOR_TABLE:
        return table(d, t);
    case VS_TRAP_COUNTER:
        return OP_RDPMC;
    case VS_TRAP_CACHES:
        return OP_CACHES;
    case VS_TRAP_XSETBV:
        return OP_XSETBV;
    case VS_TRAP_SUPERVISOR_STATE:
        return OP_XSAVES;
    case VS_TRAP_HYPERCALL:
        return OP_HYPERCALL;
    case VS_TRAP_MONITOR:
        return OP_MONITOR;
    case VS_TRAP_UNDEFINED: /* RDRAND and RDSEED are nobody's privilege */
        return t->x86 == VS_X86_RDRAND || t->x86 == VS_X86_RDSEED ? STAYS : OP_UD;
    case VS_TRAP_EXCEPTION:
        return t->number == PAGE_FAULT ? OP_PF : OP_EXCEPTION;
    case VS_TRAP_INTERRUPT:
        return OP_INTERRUPT;
    case VS_TRAP_INTERRUPT_WINDOW:
        return OP_WINDOW;
    case VS_TRAP_NMI:
        return OP_NMI;
    case VS_TRAP_SHUTDOWN:
        return OP_SHUTDOWN;
    default: /* PAUSE, and what only a processor with hardware virtualization has */
        return STAYS;
    }
}

/* Decides whether a trap leaves the deprivileged guest. */
static bool leaves(void *ctx, struct vs_txn *t, const struct vs_trap *trap, struct vs_exit *exit)
{
    struct vs_deprivileged *d = ctx;
    (void)t; /* the privilege level is in a register */
    int op = d->in_guest ? decide(d, trap) : STAYS;
    if (op == STAYS && trap->recorded) {
        int of = vs_ops_of_trap(ops, vectors, EXITS, trap->kind, trap->number);
        op = of < 0 ? STAYS : of;
    }
    if (op == STAYS) {
        return false;
    }
    *exit = (struct vs_exit){.op = ops[op],
                             .trap = trap->kind,
                             .gpa = trap->gpa,
                             .gva = trap->gva,
                             .length = trap->length,
                             .undecoded = true, /* a fault says where, not what */
                             .own = {[VECTOR] = vectors[op], [ERROR] = trap->error_code}};
    return true;
}

/* ---- the way in and the way back ---- */

/* So many of something that takes `each` cycles. */
static void work(struct vs_deprivileged *d, struct vs_txn *t, unsigned account, uint64_t n,
                 uint64_t each)
{
    vs_ps took = {n * each * d->wire.clock.period_ps};
    vs_charge_n(t, (uint16_t)(d->base + account), n, took);
}

/* Words of the monitor's structure, line by line. */
static void lines(struct vs_deprivileged *d, struct vs_txn *t, unsigned account, uint64_t from,
                  uint64_t words, enum vs_ref ref)
{
    vs_hpa at = {d->at.v + from};
    vs_mem_touches_on(&d->wire.mem, t, at, words * 8u, ref, (uint16_t)(d->base + account));
}

/* Where the monitor keeps a word of the guest's state that no frame holds. */
static vs_hpa state_at(const struct vs_deprivileged *d, enum vs_state what)
{
    return (vs_hpa){d->at.v + VS_MONITOR_AT_STATE + (uint64_t)what * 8u};
}

/* Enters the monitor through a gate. */
static bool leave(void *ctx, struct vs_txn *t, const struct vs_exit *exit)
{
    struct vs_deprivileged *d = ctx;
    const struct vs_deprivileged_config *c = &d->config;
    d->count[VS_CNT_deprivileged_exits]++;
    d->in_guest = false;
    vs_phys_write64(d->wire.phys, (vs_hpa){d->at.v + VS_MONITOR_AT_VECTOR}, exit->own[VECTOR]);
    vs_phys_write64(d->wire.phys, (vs_hpa){d->at.v + VS_MONITOR_AT_FRAME}, exit->own[ERROR]);
    vs_phys_write64(d->wire.phys, state_at(d, VS_STATE_FAULT_GVA), exit->gva.v);
    if (!t) {
        return true;
    }
    work(d, t, VS_ACC_deprivileged_fault, 1, c->fault);
    lines(d, t, VS_ACC_deprivileged_frame_lines, VS_MONITOR_AT_FRAME, FRAME_WORDS, VS_REF_WRITE);
    work(d, t, VS_ACC_deprivileged_exit_save, REGISTERS, c->store);
    lines(d, t, VS_ACC_deprivileged_exit_save_lines, VS_MONITOR_AT_GUEST, REGISTERS, VS_REF_WRITE);
    work(d, t, VS_ACC_deprivileged_exit_segments, SEGMENTS, c->segment);
    return true;
}

/* Returns to the guest by IRET. */
static bool enter(void *ctx, struct vs_txn *t)
{
    struct vs_deprivileged *d = ctx;
    const struct vs_deprivileged_config *c = &d->config;
    d->count[VS_CNT_deprivileged_entries]++;
    d->in_guest = true;
    if (!t) {
        return true;
    }
    work(d, t, VS_ACC_deprivileged_entry_segments, SEGMENTS, c->segment);
    work(d, t, VS_ACC_deprivileged_entry_load, REGISTERS, c->store);
    lines(d, t, VS_ACC_deprivileged_entry_load_lines, VS_MONITOR_AT_GUEST, REGISTERS, VS_REF_READ);
    lines(d, t, VS_ACC_deprivileged_entry_frame_lines, VS_MONITOR_AT_FRAME, FRAME_WORDS,
          VS_REF_READ);
    work(d, t, VS_ACC_deprivileged_iret, 1, c->iret);
    vs_txn_actor(t, d->wire.guest_actor);
    return true;
}

/* Says nothing, since neither a gate nor IRET can fail. */
static void why(void *ctx, char *out, size_t bytes)
{
    (void)ctx;
    if (bytes) {
        *out = 0; /* neither a gate nor IRET can fail */
    }
}

/* INVLPG and MOV to CR3: what the guest has goes, the monitor's pages are global. */
static bool flush_tag(void *ctx, struct vs_txn *t, enum vs_world_flush what, uint16_t tag,
                      vs_gva at)
{
    struct vs_deprivileged *d = ctx;
    enum vs_flush flush = what == VS_WORLD_PAGE ? VS_FLUSH_VPID_ADDRESS : VS_FLUSH_VPID;
    work(d, t, VS_ACC_deprivileged_flush, 1, d->config.flush);
    (void)d->wire.tlb.flush(d->wire.tlb.ctx, t, flush, tag, 0, 0, at);
    return true;
}

/* Another vCPU's guest had the processor, and an address space has no tag: MOV to CR3. */
static void load(void *ctx, struct vs_txn *t)
{
    struct vs_deprivileged *d = ctx;
    (void)flush_tag(d, t, VS_WORLD_TAG, d->wire.tag, (vs_gva){0});
}

/* Sets the guest's interrupt flag, whose setting has a shadow. */
static void mask(void *ctx, bool masked)
{
    struct vs_deprivileged *d = ctx;
    d->shadow = d->masked && !masked;
    d->masked = masked;
}

/* Ends the shadow of STI. */
static void unshadow(void *ctx)
{
    struct vs_deprivileged *d = ctx;
    d->shadow = false;
}

/* The guest's time-stamp counter, which is the host's. */
static uint64_t clock(void *ctx, uint64_t host)
{
    (void)ctx;
    return host; /* no offset can be given to a processor's counter */
}

/* Says the vector and error code of the exception that left the guest. */
static unsigned says(void *ctx, const struct vs_exit *exit, struct vs_note *out)
{
    (void)ctx;
    if (exit->own[VECTOR] > 255u) {
        return 0;
    }
    out[0] = (struct vs_note){.name = "vector", .value = exit->own[VECTOR]};
    snprintf(out[0].text, VS_NOTE_TEXT, "error code 0x%llx", (unsigned long long)exit->own[ERROR]);
    if (exit->own[VECTOR] != PAGE_FAULT) {
        return 1;
    }
    out[1] = (struct vs_note){.name = "CR2", .value = exit->gva.v, .text = "linear address"};
    return 2;
}

struct vs_world_port vs_deprivileged_world(struct vs_deprivileged *d)
{
    vs_deprivileged_register();
    return (struct vs_world_port){.ctx = d,
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

/* ---- what handlers read and write ---- */

/* Where a word of state is; 0: nowhere, and it takes no time. */
static uint64_t word_of(const struct vs_deprivileged *d, enum vs_state what)
{
    const uint64_t frame = d->at.v + VS_MONITOR_AT_FRAME;
    switch (what) {
    case VS_STATE_SYNDROME:
        return frame; /* the error code */
    case VS_STATE_PC:
        return frame + 8u;
    case VS_STATE_CODE_SEGMENT:
        return frame + 16u;
    case VS_STATE_FLAGS:
        return frame + 24u;
    case VS_STATE_SP:
        return frame + 32u;
    case VS_STATE_REASON:
    case VS_STATE_INTR_INFO:
        return d->at.v + VS_MONITOR_AT_VECTOR;
    case VS_STATE_FAULT_GVA: /* CR2, which the monitor's entry has stored */
    case VS_STATE_CR0:
    case VS_STATE_CR3:
    case VS_STATE_INTERRUPTIBILITY:
    case VS_STATE_ENTRY_INTR:
    case VS_STATE_ENTRY_ERROR:
        return state_at(d, what).v;
    default:
        return 0;
    }
}

/* The line of a word is loaded or stored; untimed, nothing is. */
static void touch(struct vs_deprivileged *d, struct vs_txn *t, uint64_t at, enum vs_ref ref)
{
    if (t) {
        d->count[VS_CNT_deprivileged_fields]++;
        d->wire.mem.touch(d->wire.mem.ctx, t, (vs_hpa){at}, ref);
    }
}

/* The virtual interrupt flag is software's, whatever the frame's RFLAGS say. */
static bool read_state(void *ctx, struct vs_txn *t, enum vs_state what, uint64_t *value)
{
    struct vs_deprivileged *d = ctx;
    uint64_t at = word_of(d, what);
    *value = 0;
    if (!at) {
        return true;
    }
    touch(d, t, at, VS_REF_READ);
    *value = vs_phys_read64(d->wire.phys, (vs_hpa){at});
    if (what == VS_STATE_FLAGS) {
        *value = (*value & ~(uint64_t)RFLAGS_IF) | (d->masked ? 0 : RFLAGS_IF);
    } else if (what == VS_STATE_INTERRUPTIBILITY) {
        *value = d->shadow;
    }
    return true;
}

/* Writes a word of what the monitor keeps of its guest. */
static bool write_state(void *ctx, struct vs_txn *t, enum vs_state what, uint64_t value)
{
    struct vs_deprivileged *d = ctx;
    uint64_t at = word_of(d, what);
    if (at) {
        touch(d, t, at, VS_REF_WRITE);
        vs_phys_write64(d->wire.phys, (vs_hpa){at}, value);
    }
    d->shadow = d->shadow && (what != VS_STATE_INTERRUPTIBILITY || value);
    return true;
}

struct vs_state_port vs_deprivileged_state(struct vs_deprivileged *d)
{
    return (struct vs_state_port){d, read_state, write_state, NULL, false};
}
