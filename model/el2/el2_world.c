/* SPDX-License-Identifier: MIT */
/* EL2 behind the ports that every architecture has: traps become exception classes with a syndrome,
 * exits get the operations of classes.def, and handlers load and store the vCPU structure. */
#include "el2/el2_world.h"
#include "el2/el2_impl.h"
#include "el2/el2_nested.h"
#include "el2/el2_notes.h"

#include <string.h>

#define PSTATE_I (1ull << 7)
#define READ 1u /* ISS of SYS64: direction */
#define WFE 1u  /* ISS of WFX: TI */

enum {
#define VS_EL2_EXIT(e, class, name, trap, kvm, text, control, syndrome) OP_##e,
#include "el2/classes.def"
    EXITS
};

static enum vs_op ops[EXITS];

void vs_el2_register(void)
{
    static const struct vs_op_desc list[EXITS] = {
#define VS_EL2_EXIT(e, class, name, trap, kvm, text, control, syndrome)                            \
    {name, "EL2 " #class ": " text, kvm, VS_TRAP_##trap},
#include "el2/classes.def"
    };
    vs_ops_register(vs_el2_desc.name, list, EXITS, ops);
}

/* ---- leaving and entering ---- */

/* ISS of MRS and MSR, Arm ARM D17.2.37: Op0, Op2, Op1, CRn, Rt, CRm, direction. */
static uint32_t sysreg_iss(uint32_t r, uint8_t rt, bool write)
{
    return VS_SYSREG_OP0(r) << 20 | VS_SYSREG_OP2(r) << 17 | VS_SYSREG_OP1(r) << 14 |
           VS_SYSREG_CRN(r) << 10 | (uint32_t)(rt & 31u) << 5 | VS_SYSREG_CRM(r) << 1 |
           (write ? 0 : READ);
}

/* ISS of an abort, Arm ARM D17.2.37: what the walk says (DFSC, S1PTW, WnR), and of the access of
 * one register its size and which one (ISV, SAS, SRT, SF). A fetch has none of the latter, nor has
 * the walk of the guest's own tables. */
static uint32_t abort_iss(const struct vs_trap *t)
{
    uint32_t iss = (uint32_t)t->syndrome & 0x1ffffffu, sas = 0;
    if (t->fetch) {
        return iss & ~VS_ISS_WNR;
    }
    if (!t->size || t->size > 8u || t->size & (t->size - 1u) || iss & VS_ISS_S1PTW) {
        return iss;
    }
    while (1u << sas < t->size) {
        sas++;
    }
    return iss | VS_ISS_ISV | sas << VS_ISS_SAS | (uint32_t)(t->gpr & 31u) << VS_ISS_SRT |
           (t->size == 8u ? VS_ISS_SF : 0);
}

/* The operation of MRS or MSR: by the group of the register. */
static int sysreg_op(uint32_t r, bool write)
{
    return vs_el2_identifies(r)                      ? OP_SYS64_ID
           : vs_el2_controls_translation(r) && write ? OP_SYS64_VM
           : write                                   ? OP_SYS64_WRITE
                                                     : OP_SYS64_READ;
}

/* HVC or SMC, whatever it asks for. */
static int call(struct vs_el2 *e, const struct vs_trap *t, struct vs_el2_syndrome *s)
{
    s->class = t->firmware ? VS_EL2_SMC64 : VS_EL2_HVC64;
    s->iss = t->immediate_value;
    return !vs_el2_traps(e, s->class, 0, false) ? -1 : t->firmware ? OP_SMC64 : OP_HVC64;
}

/* The operation of a trap and what it says; -1: the architecture does not have it (ports, pages of
 * an APIC), or lets the guest carry on (YIELD, the virtual counter and timer). */
int vs__el2_decide(struct vs_el2 *e, const struct vs_trap *t, struct vs_el2_syndrome *s)
{
    bool write = t->kind == VS_TRAP_MSR_WRITE || t->write;
    switch (t->kind) {
    case VS_TRAP_FLOATING_POINT:
        s->class = t->wide ? VS_EL2_SVE : VS_EL2_FP_ASIMD;
        return !vs_el2_traps_fp(e, t->wide) ? -1 : t->wide ? OP_SVE : OP_FP_ASIMD;
    case VS_TRAP_HALT:
        if (t->power) {
            return call(e, t, s);
        }
        s->class = VS_EL2_WFX;
        return vs_el2_traps(e, VS_EL2_WFX, 0, false) ? OP_WFI : -1;
    case VS_TRAP_PAUSE:
        if (!t->event) {
            return -1;
        }
        s->class = VS_EL2_WFX;
        s->iss = WFE;
        return vs_el2_traps(e, VS_EL2_WFX, WFE, false) ? OP_WFE : -1;
    case VS_TRAP_HYPERCALL:
    case VS_TRAP_POWER:
        return call(e, t, s);
    case VS_TRAP_CPU_ID:
    case VS_TRAP_MSR_READ:
    case VS_TRAP_MSR_WRITE:
    case VS_TRAP_CONTROL_REGISTER:
        s->class = VS_EL2_SYS64;
        s->iss = sysreg_iss(t->number, t->gpr, write);
        return vs_el2_traps(e, VS_EL2_SYS64, t->number, write) ? sysreg_op(t->number, write) : -1;
    case VS_TRAP_INVALIDATE:
        s->class = VS_EL2_SYS64;
        s->iss = sysreg_iss(t->number, t->gpr, true);
        return vs_el2_traps_tlbi(e) ? OP_SYS64_TLBI : -1;
    case VS_TRAP_STAGE2_FAULT:
    case VS_TRAP_MMIO:
        s->class = t->fetch ? VS_EL2_IABT_LOW : VS_EL2_DABT_LOW;
        s->iss = abort_iss(t);
        return !vs_el2_traps(e, s->class, 0, false) ? -1
               : t->kind == VS_TRAP_MMIO            ? OP_DABT_MMIO
               : t->fetch                           ? OP_IABT_FAULT
                                                    : OP_DABT_FAULT;
    case VS_TRAP_STATE_READ:
    case VS_TRAP_STATE_WRITE:
        s->class = VS_EL2_SYS64;
        s->iss = sysreg_iss(t->number, t->gpr, write);
        return !vs_el2_nv_traps(e, t->number, write) ? -1
               : write                               ? OP_SYS64_EL2_WRITE
                                                     : OP_SYS64_EL2_READ;
    case VS_TRAP_NESTED_ENTRY:
        s->class = VS_EL2_ERET;
        return e->hcr & VS_HCR_NV ? OP_ERET : -1;
    case VS_TRAP_NESTED_LEVEL:
        s->class = t->number;
        return s->class == VS_EL2_HVC64 ? OP_HVC64_LEVEL : e->hcr & VS_HCR_NV ? OP_ERET_LEVEL : -1;
    case VS_TRAP_INTERRUPT:
        s->class = VS_EL2_IRQ;
        return vs_el2_traps(e, VS_EL2_IRQ, 0, false) ? OP_IRQ : -1;
    default:
        return -1;
    }
}

/* Classes of the exits, by operation. */
static const uint32_t classes[EXITS] = {
#define VS_EL2_EXIT(e, class, name, trap, kvm, text, control, syndrome) class,
#include "el2/classes.def"
};

/* Decides whether a trap is taken to EL2, and with which syndrome. */
static bool leaves(void *ctx, struct vs_txn *t, const struct vs_trap *trap, struct vs_exit *exit)
{
    struct vs_el2 *e = ctx;
    struct vs_el2_syndrome s = {.far = trap->gva.v, .gpa = trap->gpa.v};
    (void)t; /* HCR_EL2 is a register */
    _Static_assert(sizeof s <= sizeof exit->own, "an exit carries EL2's own");
    int op = e->in_guest ? vs__el2_decide(e, trap, &s) : -1;
    op = op < 0 && trap->recorded ? vs_ops_of_trap(ops, classes, EXITS, trap->kind, s.class) : op;
    if (op < 0) {
        return false;
    }
    bool called = trap->power || trap->kind == VS_TRAP_POWER; /* what the call asks for */
    *exit = (struct vs_exit){.op = ops[op],
                             .trap = called ? trap->kind : vs_op_trap(ops[op]),
                             .gpa = trap->gpa,
                             .gva = trap->gva,
                             .length = trap->length};
    memcpy(exit->own, &s, sizeof s);
    return true;
}

/* Takes the exception to EL2. */
static bool leave(void *ctx, struct vs_txn *t, const struct vs_exit *exit)
{
    struct vs_el2_syndrome s;
    memcpy(&s, exit->own, sizeof s);
    vs_el2_exit(ctx, t, &s);
    if (s.class == VS_EL2_FP_ASIMD || s.class == VS_EL2_SVE) { /* by EL2 itself */
        vs_el2_give_fp(ctx, t);
    }
    return true;
}

/* Returns to the guest. */
static bool enter(void *ctx, struct vs_txn *t)
{
    vs_el2_enter(ctx, t);
    return true;
}

/* Says nothing, since neither an exception nor ERET can fail. */
static void why(void *ctx, char *out, size_t bytes)
{
    (void)ctx;
    if (bytes) {
        *out = 0; /* neither an exception nor ERET can fail */
    }
}

/* Sets PSTATE.I of the guest. */
static void mask(void *ctx, bool masked)
{
    struct vs_el2 *e = ctx;
    e->pstate = (e->pstate & ~PSTATE_I) | (masked ? PSTATE_I : 0);
}

/* Does nothing: unmasking takes effect at once. */
static void unshadow(void *ctx)
{
    (void)ctx; /* unmasking takes effect at once */
}

/* Tells the GIC whether the vCPU runs. */
static void running(void *ctx, struct vs_txn *t, bool on)
{
    vs_el2_running(ctx, t, on);
}

/* CNTVCT_EL0 less CNTVOFF_EL2, which is 0 here. */
static uint64_t clock(void *ctx, uint64_t host)
{
    (void)ctx;
    return host;
}

struct vs_world_port vs_el2_world(struct vs_el2 *e)
{
    vs_el2_register();
    return (struct vs_world_port){.ctx = e,
                                  .leaves = leaves,
                                  .leave = leave,
                                  .enter = enter,
                                  .why = why,
                                  .mask = mask,
                                  .unshadow = unshadow,
                                  .clock = clock,
                                  .says = vs__el2_says,
                                  .running = running};
}

/* ---- what handlers read and write ---- */

#define NOWHERE 0u /* of the fields below none is x0 */

static const uint16_t offset_of[VS_STATE_N] = {
    [VS_STATE_REASON] = VS_EL2_AT_ESR,      [VS_STATE_SYNDROME] = VS_EL2_AT_ESR,
    [VS_STATE_FAULT_GPA] = VS_EL2_AT_HPFAR, [VS_STATE_FAULT_GVA] = VS_EL2_AT_FAR,
    [VS_STATE_LENGTH] = VS_EL2_AT_ESR, /* ESR_EL2.IL */
    [VS_STATE_PC] = VS_EL2_AT_PC,           [VS_STATE_FLAGS] = VS_EL2_AT_PSTATE,
};

/* Accesses the line of a register in memory, and gives its address. */
static vs_hpa reached(struct vs_el2 *e, struct vs_txn *t, uint16_t offset, enum vs_ref ref)
{
    vs_hpa at = {e->vcpu.v + offset};
    if (t) {
        e->count[VS_CNT_el2_fields]++;
        e->wire.mem.touch(e->wire.mem.ctx, t, at, ref);
    }
    return at;
}

/* Reads a register of the guest by its neutral name. */
bool vs__el2_read_state(void *ctx, struct vs_txn *t, enum vs_state what, uint64_t *value)
{
    struct vs_el2 *e = ctx;
    *value = 0;
    if (offset_of[what] == NOWHERE) {
        return true;
    }
    uint64_t v = vs_phys_read64(e->wire.phys, reached(e, t, offset_of[what], VS_REF_READ));
    switch (what) {
    case VS_STATE_REASON:
        *value = v >> 26 & 0x3fu;
        break;
    case VS_STATE_SYNDROME:
        *value = v & 0x1ffffffu;
        break;
    case VS_STATE_LENGTH:
        *value = v >> 25 & 1u ? 4u : 2u;
        break;
    case VS_STATE_FAULT_GPA:
        *value = v >> 4 << 12;
        break;
    default:
        *value = v;
        break;
    }
    return true;
}

/* Writes a register of the guest by its neutral name. */
bool vs__el2_write_state(void *ctx, struct vs_txn *t, enum vs_state what, uint64_t value)
{
    struct vs_el2 *e = ctx;
    if (offset_of[what] != NOWHERE) {
        vs_phys_write64(e->wire.phys, reached(e, t, offset_of[what], VS_REF_WRITE), value);
    }
    return true;
}

struct vs_state_port vs_el2_state_port(struct vs_el2 *e)
{
    return (struct vs_state_port){e, vs__el2_read_state, vs__el2_write_state, NULL, false};
}
