/* SPDX-License-Identifier: MIT */
/* VMX behind the ports that every architecture has: traps become events, exits get the operations
 * of reasons.def, and what handlers read and write are VMREADs and VMWRITEs. */
#include "vmcs/vmcs_impl.h"
#include "virtsim/radix.h"
#include "virtsim/x86.h"
#include "vmcs/vmcs_world.h"

#include <stdio.h>
#include <string.h>

#define WINDOW VS_PROC_INTERRUPT_WINDOW
#define RVI 0xffu
#define NMI_WINDOW VS_PROC_NMI_WINDOW
#define BLOCKING (VS_BLOCKED_STI | VS_BLOCKED_MOV_SS)

static const struct {
    uint32_t number;
    const char *control;
} reasons[] = {
#define VS_VMX_REASON(e, number, name, trap, kvm, control, text, qualification, information)       \
    {number, control},
#include "vmcs/reasons.def"
};
enum { REASONS = sizeof reasons / sizeof reasons[0] };

#define NUMBERS 128u /* of basic exit reasons, more than there are */

enum { CREATE, DESTROY, LIVES };
static enum vs_op ops[REASONS], op_of[NUMBERS], life_op[LIVES];

void vs_vmx_register(void)
{
    static const struct vs_op_desc list[REASONS] = {
#define VS_VMX_REASON(e, number, name, trap, kvm, control, text, qualification, information)       \
    {name, "VMX " #number ": " text, kvm, VS_TRAP_##trap},
#include "vmcs/reasons.def"
    };
    static const struct vs_op_desc life[LIVES] = {
        {"vm.create",
         "a virtual machine is made: pages allocated and cleared, VMXON, VMCLEAR, VMPTRLD, the "
         "VMCS's fields, VMLAUNCH (vmcs.created_in_time)",
         NULL, VS_TRAP_N},
        {"vm.destroy",
         "a vCPU is over, and with the last one its machine: the guest left, the tables of the "
         "second dimension taken apart, their pages given back, VMCLEAR, VMXOFF "
         "(vmcs.destroyed_in_time)",
         NULL, VS_TRAP_N}};
    vs_ops_register(vs_vmcs_desc.name, list, REASONS, ops);
    for (unsigned number = 0; number < NUMBERS; number++) {
        op_of[number] = VS_OP_N;
    }
    for (unsigned i = 0; i < REASONS; i++) {
        op_of[reasons[i].number] = ops[i];
    }
    vs_ops_register(vs_vmcs_desc.name, life, LIVES, life_op);
}

enum vs_op vs_vmx_create_op(void)
{
    return life_op[CREATE];
}

enum vs_op vs_vmx_destroy_op(void)
{
    return life_op[DESTROY];
}

enum vs_op vs_vmx_exit_op(uint32_t reason)
{
    uint32_t number = reason & 0xffffu;
    return number < NUMBERS ? op_of[number] : VS_OP_N;
}

/* ---- leaving and entering ---- */

/* VMX's name of a trap. Without a default, so that a trap which is added does not compile without
 * its case; false: there is no such trap. */
static bool kind_of(enum vs_trap_kind trap, enum vs_vmx_kind *kind)
{
    switch (trap) {
    case VS_TRAP_EXCEPTION:
        *kind = VS_EV_EXCEPTION;
        return true;
    case VS_TRAP_INTERRUPT:
        *kind = VS_EV_EXTERNAL_INTERRUPT;
        return true;
    case VS_TRAP_INTERRUPT_WINDOW:
        *kind = VS_EV_INTERRUPT_WINDOW;
        return true;
    case VS_TRAP_CPU_ID:
        *kind = VS_EV_CPUID;
        return true;
    case VS_TRAP_HALT:
        *kind = VS_EV_HLT;
        return true;
    case VS_TRAP_INVALIDATE:
        *kind = VS_EV_INVLPG;
        return true;
    case VS_TRAP_TIMESTAMP:
        *kind = VS_EV_RDTSC;
        return true;
    case VS_TRAP_HYPERCALL:
        *kind = VS_EV_VMCALL;
        return true;
    case VS_TRAP_CONTROL_REGISTER:
        *kind = VS_EV_MOV_FROM_CR;
        return true;
    case VS_TRAP_PIO:
        *kind = VS_EV_IO;
        return true;
    case VS_TRAP_MSR_READ:
        *kind = VS_EV_RDMSR;
        return true;
    case VS_TRAP_MSR_WRITE:
        *kind = VS_EV_WRMSR;
        return true;
    case VS_TRAP_PAUSE:
        *kind = VS_EV_PAUSE;
        return true;
    case VS_TRAP_APIC_ACCESS:
        *kind = VS_EV_APIC_ACCESS;
        return true;
    case VS_TRAP_EOI:
        *kind = VS_EV_EOI;
        return true;
    case VS_TRAP_STAGE2_FAULT:
        *kind = VS_EV_EPT_VIOLATION;
        return true;
    case VS_TRAP_MMIO:
        *kind = VS_EV_EPT_MISCONFIG;
        return true;
    case VS_TRAP_TIMER:
        *kind = VS_EV_PREEMPTION_TIMER;
        return true;
    case VS_TRAP_LOG_FULL:
        *kind = VS_EV_PML_FULL;
        return true;
    case VS_TRAP_APIC_WRITE:
        *kind = VS_EV_APIC_WRITE;
        return true;
    case VS_TRAP_PRIORITY:
        *kind = VS_EV_TPR_THRESHOLD;
        return true;
    case VS_TRAP_NMI:
        *kind = VS_EV_NMI;
        return true;
    case VS_TRAP_NMI_WINDOW:
        *kind = VS_EV_NMI_WINDOW;
        return true;
    case VS_TRAP_UNDEFINED: /* what they are one of says vs_trap.x86 */
    case VS_TRAP_DEBUG_REGISTER:
    case VS_TRAP_COUNTER:
    case VS_TRAP_CACHES:
    case VS_TRAP_MONITOR:
    case VS_TRAP_DESCRIPTOR_TABLE:
    case VS_TRAP_XSETBV:
    case VS_TRAP_SUPERVISOR_STATE:
    case VS_TRAP_SHUTDOWN:
    case VS_TRAP_BUS_LOCK:
    case VS_TRAP_FLAGS:          /* no control asks for it */
    case VS_TRAP_FLOATING_POINT: /* KVM's guests have theirs from the start */
    case VS_TRAP_POWER:
    case VS_TRAP_STATE_READ: /* VMREAD and its kin: vs_trap.x86 */
    case VS_TRAP_STATE_WRITE:
    case VS_TRAP_NESTED_ENTRY:
    case VS_TRAP_NESTED_EXIT:  /* what L0 makes of an exit */
    case VS_TRAP_NESTED_STATE: /* of SVM */
    case VS_TRAP_NESTED_FLAG:
    case VS_TRAP_NESTED_LEVEL:
    case VS_TRAP_INTERRUPT_RETURN:
    case VS_TRAP_IPI: /* AMD's: a write of ICR is one to the APIC here */
    case VS_TRAP_N:
        break;
    }
    return false;
}

/* VMX's event of an instruction of x86 by its name, and its number: a basic exit reason. */
static bool instruction_of(const struct vs_trap *t, enum vs_vmx_kind *kind, uint32_t *number)
{
    static const struct {
        uint8_t kind;
        uint8_t number;
    } list[VS_X86_N] = {
        [VS_X86_TRIPLE_FAULT] = {VS_EV_TRIPLE_FAULT, 0},
        [VS_X86_INVD] = {VS_EV_INVD, 0},
        [VS_X86_WBINVD] = {VS_EV_WBINVD, 0},
        [VS_X86_RDPMC] = {VS_EV_RDPMC, 0},
        [VS_X86_RDTSCP] = {VS_EV_RDTSCP, 0},
        [VS_X86_MWAIT] = {VS_EV_MWAIT, 0},
        [VS_X86_MONITOR] = {VS_EV_MONITOR, 0},
        [VS_X86_RDRAND] = {VS_EV_RDRAND, 0},
        [VS_X86_RDSEED] = {VS_EV_RDSEED, 0},
        [VS_X86_SGDT] = {VS_EV_DESCRIPTOR_TABLE, VS_EXIT_GDTR_IDTR},
        [VS_X86_SIDT] = {VS_EV_DESCRIPTOR_TABLE, VS_EXIT_GDTR_IDTR},
        [VS_X86_LGDT] = {VS_EV_DESCRIPTOR_TABLE, VS_EXIT_GDTR_IDTR},
        [VS_X86_LIDT] = {VS_EV_DESCRIPTOR_TABLE, VS_EXIT_GDTR_IDTR},
        [VS_X86_SLDT] = {VS_EV_DESCRIPTOR_TABLE, VS_EXIT_LDTR_TR},
        [VS_X86_STR] = {VS_EV_DESCRIPTOR_TABLE, VS_EXIT_LDTR_TR},
        [VS_X86_LLDT] = {VS_EV_DESCRIPTOR_TABLE, VS_EXIT_LDTR_TR},
        [VS_X86_LTR] = {VS_EV_DESCRIPTOR_TABLE, VS_EXIT_LDTR_TR},
        [VS_X86_CLTS] = {VS_EV_CLTS, 0},
        [VS_X86_XSETBV] = {VS_EV_XSETBV, 0},
#define VS_VMX_INSTRUCTION(name, event, reason) [VS_X86_##name] = {VS_EV_##event, reason},
#include "vmcs/instructions.def"
        [VS_X86_XSAVES] = {VS_EV_XSAVES, VS_EXIT_XSAVES},
        [VS_X86_XRSTORS] = {VS_EV_XSAVES, VS_EXIT_XRSTORS},
        [VS_X86_SPLIT_LOCK] = {VS_EV_BUS_LOCK, 0},
    };
    if (t->x86 == VS_X86_MOV_TO_DR || t->x86 == VS_X86_MOV_FROM_DR) {
        *kind = VS_EV_MOV_DR; /* its number is the register's */
        return true;
    }
    *kind = (enum vs_vmx_kind)list[t->x86].kind;
    *number = list[t->x86].number ? list[t->x86].number : *number;
    return list[t->x86].kind != 0;
}

/* What the architecture does not have is no event: the guest carries on. */
bool vs__vmx_event_of(const struct vs_trap *t, struct vs_vmx_event *e)
{
    enum vs_vmx_kind kind;
    uint32_t number = t->number;
    if (!(t->x86 && instruction_of(t, &kind, &number)) && !kind_of(t->kind, &kind)) {
        return false;
    }
    *e = (struct vs_vmx_event){
        .kind = kind,
        .number = number,
        .size = t->size,
        .value = t->value,
        .address = t->gva.v,
        .guest_physical = t->gpa.v,
        .qualification = t->syndrome,
        .error_code = t->error_code,
        .length = t->length,
        .gpr = t->gpr,
        .cpl = t->cpl,
        .in = !t->write,
        .string = t->string,
        .rep = t->rep,
        .immediate = t->immediate,
        .has_error = t->has_error,
        .identity = (uint8_t)(t->x86 - VS_X86_SGDT) & 3u,
        .vectoring = t->vectoring ? VS_INTR_VALID | VS_INTR_EXTERNAL << 8 | t->vectoring : 0};
    if (t->kind == VS_TRAP_CONTROL_REGISTER && t->write) {
        e->kind = VS_EV_MOV_TO_CR;
    } else if (t->kind == VS_TRAP_INVALIDATE && t->scope == VS_TRAP_CONTEXT) {
        e->kind = VS_EV_INVPCID;
    } else if (t->kind == VS_TRAP_APIC_ACCESS) { /* SDM 3C table 28-6: kind in bits 15:12 */
        e->qualification = t->number | (t->write ? 1u << 12 : 0);
    }
    return t->kind != VS_TRAP_INVALIDATE || t->scope <= VS_TRAP_CONTEXT;
}

/* An exit that a trace has and the controls here do not: its reason is that of the trap, as
 * deciding about it left it where the trap has several. */
static bool as_recorded(const struct vs_trap *trap, struct vs_vmx_exit_info *info)
{
    static const uint32_t numbers[REASONS] = {
#define VS_VMX_REASON(e, number, name, trap, kvm, control, text, qualification, information) number,
#include "vmcs/reasons.def"
    };
    int i = trap->recorded ? vs_ops_of_trap(ops, numbers, REASONS, trap->kind, info->reason) : -1;
    if (i >= 0) {
        *info = (struct vs_vmx_exit_info){.reason = numbers[i], .length = trap->length};
    }
    return i >= 0;
}

/* Decides whether a trap leaves the guest, and with which reason and qualification. */
static bool leaves(void *ctx, struct vs_txn *t, const struct vs_trap *trap, struct vs_exit *exit)
{
    struct vs_vmx *x = ctx;
    struct vs_vmx_event event;
    struct vs_vmx_exit_info info;
    _Static_assert(sizeof info <= sizeof exit->own, "an exit carries VMX's own");
    bool owned = trap->kind == VS_TRAP_CONTROL_REGISTER && trap->owned;
    if (!vs__vmx_event_of(trap, &event)) {
        return false;
    }
    if (owned) { /* a bit of the guest/host mask changes, whose shadow nobody keeps here */
        info = (struct vs_vmx_exit_info){.reason = VS_EXIT_CR_ACCESS,
                                         .qualification = trap->number,
                                         .has_qualification = true,
                                         .length = trap->length};
    } else if (!vs_vmx_intercept(x, t, &event, &info) && !as_recorded(trap, &info)) {
        return false;
    }
    *exit = (struct vs_exit){.op = vs_vmx_exit_op(info.reason),
                             .trap = trap->kind,
                             .gpa = {info.guest_physical},
                             .gva = {info.guest_linear},
                             .length = (uint8_t)info.length};
    memcpy(exit->own, &info, sizeof info);
    return true;
}

/* Does the VM exit. */
static bool leave(void *ctx, struct vs_txn *t, const struct vs_exit *exit)
{
    struct vs_vmx *x = ctx;
    struct vs_vmx_exit_info info;
    memcpy(&info, exit->own, sizeof info);
    x->last = vs_vmx_exit(x, t, &info);
    return x->last == VS_VMX_OK;
}

/* Does the VM entry. */
static bool enter(void *ctx, struct vs_txn *t)
{
    struct vs_vmx *x = ctx;
    x->last = vs_vmx_enter(x, t, VS_VMX_RESUME);
    return x->last == VS_VMX_OK;
}

/* Says which error a failed entry has. */
static void why(void *ctx, char *out, size_t bytes)
{
    struct vs_vmx *x = ctx;
    uint64_t error = 0;
    if (x->last == VS_VMX_ABORT) {
        snprintf(out, bytes, "VMX abort");
        return;
    }
    (void)vs_vmx_read(x, NULL, VS_VMCS_INSTRUCTION_ERROR, &error);
    snprintf(out, bytes, "the VM entry failed (result %d, VM-instruction error %llu)", (int)x->last,
             (unsigned long long)error);
}

/* What the processor lacks is done by the next larger type (KVM's vpid_sync_vcpu_addr). Where the
 * guest has views, a change of the second dimension may be in each of them, and one INVEPT of all
 * contexts is for all (Xen's vmx_vmenter_helper). */
static bool flush_tag(void *ctx, struct vs_txn *t, enum vs_world_flush what, uint16_t tag,
                      vs_gva at)
{
    static const unsigned order[2][3] = {{0, 1, 2}, {1, 2, 2}};
    struct vs_vmx *x = ctx;
    if (what == VS_WORLD_SECOND) {
        uint64_t eptp = 0;
        vs_vmx_read(x, NULL, VS_VMCS_EPT_POINTER, &eptp);
        return (!x->views && vs_vmx_invept(x, t, 1, eptp) == VS_VMX_OK) ||
               vs_vmx_invept(x, t, 2, 0) == VS_VMX_OK;
    }
    for (unsigned i = 0; i < 3; i++) {
        if (vs_vmx_invvpid(x, t, order[what == VS_WORLD_TAG][i], tag, at) == VS_VMX_OK) {
            return true;
        }
    }
    return false;
}

/* Sets the guest's interrupt flag. */
static void mask(void *ctx, bool masked)
{
    vs_vmx_guest_if(ctx, !masked);
}

/* Ends blocking by STI or MOV SS. */
static void unshadow(void *ctx)
{
    vs_vmx_unblock(ctx);
}

/* Ends blocking by NMI. */
static void nmi_returns(void *ctx)
{
    vs_vmx_guest_iret(ctx);
}

/* The guest's time-stamp counter at a moment of the host's. */
static uint64_t clock(void *ctx, uint64_t host)
{
    return vs_vmx_guest_tsc(ctx, host);
}

/* VMPTRLD: the processor reads the region again, which another VMCS has pushed out. */
static void load(void *ctx, struct vs_txn *t)
{
    struct vs_vmx *x = ctx;
    vs_hpa region = {x->current};
    x->current = VS_VMX_NO_VMCS;
    (void)vs_vmx_ptrld(x, t, region);
}

/* Tells the guest's task priority. */
static void priority(void *ctx, uint8_t tpr)
{
    vs_vmx_guest_tpr(ctx, tpr);
}

/* Puts an EPTP with the flags of the guest's own into its list. */
static vs_hpa view(void *ctx, unsigned index, uint64_t root)
{
    struct vs_vmx *x = ctx;
    vs_hpa at = {VS_GET(x, EPTP_LIST_ADDRESS) + 8u * index};
    x->views = true;
    vs_phys_write64(x->wire.phys, at, root | (VS_GET(x, EPT_POINTER) & ~VS_RADIX_ADDRESS));
    return at;
}

/* Root of the EPT that the VMCS names now. */
static uint64_t viewed(void *ctx)
{
    const struct vs_vmx *x = ctx;
    return VS_GET(x, EPT_POINTER) & VS_RADIX_ADDRESS;
}

/* The moment at which the preemption timer ends. */
static vs_ps stops(void *ctx)
{
    return vs_vmx_timer_stops(ctx);
}

struct vs_world_port vs_vmx_world(struct vs_vmx *x)
{
    bool list = x->config.control_vm_functions && x->config.vm_functions & 1u;
    vs_vmx_register();
    return (struct vs_world_port){.ctx = x,
                                  .leaves = leaves,
                                  .leave = leave,
                                  .enter = enter,
                                  .why = why,
                                  .flush_tag = flush_tag,
                                  .mask = mask,
                                  .unshadow = unshadow,
                                  .nmi_returns =
                                      x->config.control_virtual_nmis ? nmi_returns : NULL,
                                  .clock = clock,
                                  .says = vs__vmx_says,
                                  .load = load,
                                  .priority = priority,
                                  .stops = stops,
                                  .view = list ? view : NULL,
                                  .viewed = list ? viewed : NULL,
                                  .lists = x->config.list_use ? vs__vmx_lists : NULL};
}

/* ---- what handlers read and write ---- */

static const uint16_t at_of[VS_STATE_N] = {
    [VS_STATE_REASON] = VS_VMCS_AT_EXIT_REASON,
    [VS_STATE_VECTORING] = VS_VMCS_AT_IDT_VECTORING_INFO,
    [VS_STATE_SYNDROME] = VS_VMCS_AT_EXIT_QUALIFICATION,
    [VS_STATE_INTR_INFO] = VS_VMCS_AT_EXIT_INTERRUPTION_INFO,
    [VS_STATE_FAULT_GPA] = VS_VMCS_AT_GUEST_PHYSICAL_ADDRESS,
    [VS_STATE_FAULT_GVA] = VS_VMCS_AT_GUEST_LINEAR_ADDRESS,
    [VS_STATE_LENGTH] = VS_VMCS_AT_EXIT_INSTRUCTION_LENGTH,
    [VS_STATE_PC] = VS_VMCS_AT_GUEST_RIP,
    [VS_STATE_SP] = VS_VMCS_AT_GUEST_RSP,
    [VS_STATE_FLAGS] = VS_VMCS_AT_GUEST_RFLAGS,
    [VS_STATE_CODE_SEGMENT] = VS_VMCS_AT_GUEST_CS_RIGHTS,
    [VS_STATE_CR0] = VS_VMCS_AT_GUEST_CR0,
    [VS_STATE_CR3] = VS_VMCS_AT_GUEST_CR3,
    [VS_STATE_INTERRUPTIBILITY] = VS_VMCS_AT_GUEST_INTERRUPTIBILITY,
    [VS_STATE_CONTROLS] = VS_VMCS_AT_PROC_CONTROLS,
    [VS_STATE_ENTRY_INTR] = VS_VMCS_AT_ENTRY_INTERRUPTION_INFO,
    [VS_STATE_ENTRY_ERROR] = VS_VMCS_AT_ENTRY_ERROR_CODE,
    [VS_STATE_VIRTUAL_INTR] = VS_VMCS_AT_GUEST_INTERRUPT_STATUS,
    [VS_STATE_LOG_INDEX] = VS_VMCS_AT_GUEST_PML_INDEX,
    [VS_STATE_SPIN] = VS_VMCS_AT_PLE_WINDOW,
    [VS_STATE_TIMER] = VS_VMCS_AT_GUEST_PREEMPTION_TIMER,
    [VS_STATE_THRESHOLD] = VS_VMCS_AT_TPR_THRESHOLD,
    [VS_STATE_OPERANDS] = VS_VMCS_AT_EXIT_INSTRUCTION_INFO,
};

unsigned vs__vmx_state_at(enum vs_state what)
{
    return at_of[what];
}

/* What a handler wants to know of a field's value. */
static inline uint64_t meaning(enum vs_state what, uint64_t v)
{
    switch (what) {
    case VS_STATE_INTERRUPTIBILITY:
        return (v & BLOCKING) | (v & VS_BLOCKED_NMI ? VS_BLOCKS_NMI : 0);
    case VS_STATE_CONTROLS:
        return (v & WINDOW ? VS_CONTROLS_WINDOW : 0) |
               (v & NMI_WINDOW ? VS_CONTROLS_NMI_WINDOW : 0);
    case VS_STATE_VIRTUAL_INTR:
        return v & RVI;
    case VS_STATE_ENTRY_INTR:
        return (v & (VS_INTR_VALID | VS_INTR_VECTOR)) |
               ((v >> 8 & 7u) == VS_INTR_EXCEPTION ? VS_EVENT_EXCEPTION : 0) |
               ((v >> 8 & 7u) == VS_INTR_NMI ? VS_EVENT_NMI : 0) |
               (v & VS_INTR_ERROR_CODE ? VS_EVENT_ERROR : 0);
    default:
        return v;
    }
}

/* Reads a field by its neutral name. */
static bool read_state(void *ctx, struct vs_txn *t, enum vs_state what, uint64_t *value)
{
    uint64_t v;
    if (vs__vmx_read_at(ctx, t, at_of[what], &v) != VS_VMX_OK) {
        return false;
    }
    *value = meaning(what, v);
    return true;
}

/* Fields of which a handler wants a part; of all others it wants what is there. */
static const uint64_t partly = 1ull << VS_STATE_INTERRUPTIBILITY | 1ull << VS_STATE_CONTROLS |
                               1ull << VS_STATE_VIRTUAL_INTR | 1ull << VS_STATE_ENTRY_INTR;
_Static_assert(VS_STATE_N <= 64, "a bit for each");

/* VMREADs that nothing can refuse and nobody wants one by one are charged as one. */
static void read_all(void *ctx, struct vs_txn *t, const uint8_t *what, unsigned n, uint64_t *value)
{
    struct vs_vmx *x = ctx;
    const unsigned char *region =
        vs_phys_at(x->wire.phys, vs_vmx_at(x->current, 0), VS_REGION_FIELDS);
    bool plain = region && x->on && !x->in_guest && x->current != VS_VMX_NO_VMCS &&
                 x->config.cached && !(t && t->tape);
    uint64_t plainly = 0;
    for (unsigned i = 0; i < n; i++) {
        enum vs_state field = (enum vs_state)what[i];
        unsigned position = at_of[field];
        uint64_t v = 0;
        if (vs_likely(plain && x->has[position] & VS_FIELD_EXISTS)) {
            memcpy(&v, region + position * sizeof v, sizeof v);
            v = partly >> field & 1u ? meaning(field, v) : v;
            plainly++;
        } else {
            (void)read_state(x, t, field, &v);
        }
        value[field] = v;
    }
    x->count[VS_CNT_vmcs_vmreads] += plainly;
    if (t && plainly) {
        vs_charge_n(t, (uint16_t)(x->base + VS_ACC_vmcs_vmread), plainly,
                    (vs_ps){plainly * x->vmread_ps});
    }
}

uint64_t vs__vmx_state_meaning(enum vs_state what, uint64_t v)
{
    return meaning(what, v);
}

/* The handler has what it does not change in a register (KVM's shadow copies). */
uint64_t vs__vmx_state_value(enum vs_state what, uint64_t old, uint64_t value)
{
    switch (what) {
    case VS_STATE_INTERRUPTIBILITY:
        return (old & ~(uint64_t)BLOCKING) | (value & BLOCKING);
    case VS_STATE_CONTROLS:
        return (old & ~(uint64_t)(WINDOW | NMI_WINDOW)) |
               (value & VS_CONTROLS_WINDOW ? WINDOW : 0) |
               (value & VS_CONTROLS_NMI_WINDOW ? NMI_WINDOW : 0);
    case VS_STATE_VIRTUAL_INTR:
        return (old & ~(uint64_t)RVI) | (value & RVI);
    case VS_STATE_ENTRY_INTR:
        return (value & (VS_EVENT_VALID | VS_EVENT_VECTOR)) |
               (value & VS_EVENT_EXCEPTION ? VS_INTR_EXCEPTION << 8 : 0) |
               (value & VS_EVENT_NMI ? VS_INTR_NMI << 8 : 0) |
               (value & VS_EVENT_ERROR ? VS_INTR_ERROR_CODE : 0);
    default:
        return value;
    }
}

/* Writes a field by its neutral name. */
static bool write_state(void *ctx, struct vs_txn *t, enum vs_state what, uint64_t value)
{
    unsigned position = at_of[what];
    bool part = what == VS_STATE_CONTROLS || what == VS_STATE_VIRTUAL_INTR;
    value = vs__vmx_state_value(what, part ? vs_vmx_get(ctx, position) : 0, value);
    return vs__vmx_write_at(ctx, t, position, value) == VS_VMX_OK;
}

struct vs_state_port vs_vmx_state_port(struct vs_vmx *x)
{
    return (struct vs_state_port){x, read_state, write_state, read_all, x->config.cached};
}
