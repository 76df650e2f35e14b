/* SPDX-License-Identifier: MIT */
/* SVM behind the ports that every architecture has: traps become codes with EXITINFO1 and 2, exits
 * get the operations of codes.def, and handlers load and store lines of the VMCB. */
#include "svm/svm_world.h"
#include "svm/svm_impl.h"

#include "virtsim/x2apic.h"
#include "virtsim/x86.h"

#include <inttypes.h>
#include <stdio.h>

enum {
#define VS_SVM_EXIT(e, code, name, trap, kvm, text, control, information) OP_##e,
#include "svm/codes.def"
    EXITS
};

static enum vs_op ops[EXITS];

void vs_svm_register(void)
{
    static const struct vs_op_desc list[EXITS] = {
#define VS_SVM_EXIT(e, code, name, trap, kvm, text, control, information)                          \
    {name, "SVM " #code ": " text, kvm, VS_TRAP_##trap},
#include "svm/codes.def"
    };
    vs_ops_register(vs_svm_desc.name, list, EXITS, ops);
}

/* ---- leaving and entering ---- */

/* What an exit carries: vs_exit.own. */
enum { CODE, INFO1, INFO2, WRITTEN, EVENT };
#define DEBUG_EXCEPTION 1u
#define INVALID_OPCODE 6u
#define PAGE_FAULT 14u

/* EXITINFO1 of IN and OUT, APM volume 2, figure 15-2: guests run in 64-bit mode; OUTS reads DS, INS
 * writes ES, which is 0. */
static uint64_t io_info(const struct vs_trap *t)
{
    uint64_t info = VS_SVM_IOIO_A64 | (uint64_t)(t->size & 7u) << VS_SVM_IOIO_SIZE |
                    (uint64_t)(t->number & 0xffffu) << VS_SVM_IOIO_PORT;
    info |= t->write ? 0 : VS_SVM_IOIO_IN;
    info |= t->string ? VS_SVM_IOIO_STR : 0;
    info |= t->string && t->write ? VS_SVM_IOIO_DS : 0;
    return info | (t->rep ? VS_SVM_IOIO_REP : 0);
}

/* A write of CR0 that changes more than TS and MP; 0 leaves it as it is. */
static bool changes_cr0(const struct vs_svm *s, uint64_t value)
{
    return value && (value ^ vs_svm_get(s, VS_VMCB_CR0)) & ~(VS_SVM_CR0_TS | VS_SVM_CR0_MP);
}

/* MOV to or from a control register: the intercept of the register, and of CR0 the selective one
 * (APM volume 2, table 15-7); from which register is the decode assists' (15.8.1). */
static int control_register(struct vs_svm *s, const struct vs_trap *t, uint64_t own[VS_EXIT_WORDS])
{
    bool write = t->write || t->x86 == VS_X86_CLTS;
    own[CODE] = (write ? VS_SVM_WRITE_CR0 : VS_SVM_READ_CR0) +
                (t->x86 == VS_X86_CLTS ? 0 : t->number & 15u);
    own[INFO1] = s->config.decode_assists ? VS_SVM_CR_MOV | t->gpr : 0;
    own[WRITTEN] = t->value;
    if (vs_svm_intercepts(s, (uint32_t)own[CODE])) {
        return write ? OP_CR_WRITE : OP_CR_READ;
    }
    if (t->number || !write || !changes_cr0(s, t->value)) {
        return -1;
    }
    own[CODE] = VS_SVM_CR0_SEL_WRITE;
    return vs_svm_intercepts(s, VS_SVM_CR0_SEL_WRITE) ? OP_CR_WRITE : -1;
}

/* INVLPG says its address, INVPCID its descriptor's and its type; of INVLPGA it is in rAX (APM
 * volume 2, 15.8.3; Linux arch/x86/kvm/svm/svm.c, invpcid_interception). */
static int invalidation(struct vs_svm *s, const struct vs_trap *t, uint64_t own[VS_EXIT_WORDS])
{
    switch ((enum vs_trap_scope)t->scope) {
    case VS_TRAP_CONTEXT:
        own[CODE] = VS_SVM_INVPCID;
        own[INFO1] = t->operand.v;
        own[INFO2] = t->number;
        return vs_svm_intercepts(s, VS_SVM_INVPCID) ? OP_INVPCID : -1;
    case VS_TRAP_PAGE_OF_TAG:
        own[CODE] = VS_SVM_INVLPGA;
        return vs_svm_intercepts(s, VS_SVM_INVLPGA) ? OP_INVLPGA : -1;
    case VS_TRAP_PAGE:
    default:
        own[CODE] = VS_SVM_INVLPG;
        own[INFO1] = s->config.decode_assists ? t->gva.v : 0;
        return vs_svm_intercepts(s, VS_SVM_INVLPG) ? OP_INVLPG : -1;
    }
}

/* Instructions that have intercepts of their own; those of VMX, which AMD does not have, are
 * invalid opcodes, which KVM intercepts (APM volume 2, 15.9 and 15.12.7). -1: the guest carries on.
 */
static int instruction(struct vs_svm *s, const struct vs_trap *t, uint64_t own[VS_EXIT_WORDS])
{
    static const struct {
        uint8_t code, op; /* op: 1 + the operation */
    } list[VS_X86_N] = {
#define OF(name, op) [VS_X86_##name] = {VS_SVM_##op, 1 + OP_##op}
        OF(INVD, INVD),
        OF(WBINVD, WBINVD),
        OF(RDPMC, RDPMC),
        OF(RDTSCP, RDTSCP),
        OF(MWAIT, MWAIT),
        OF(MONITOR, MONITOR),
        OF(SGDT, GDTR_READ),
        OF(SIDT, IDTR_READ),
        OF(LGDT, GDTR_WRITE),
        OF(LIDT, IDTR_WRITE),
        OF(SLDT, LDTR_READ),
        OF(STR, TR_READ),
        OF(LLDT, LDTR_WRITE),
        OF(LTR, TR_WRITE),
        OF(XSETBV, XSETBV),
#define VS_SVM_INSTRUCTION(name) OF(name, name),
#include "svm/instructions.def"
        OF(RDPRU, RDPRU),
        OF(MOV_TO_DR, DR_WRITE),
        OF(MOV_FROM_DR, DR_READ),
        OF(TRIPLE_FAULT, SHUTDOWN)
#undef OF
    };
    bool vmx = t->x86 >= VS_X86_VMCLEAR && t->x86 <= VS_X86_INVVPID;
    bool debug = t->kind == VS_TRAP_DEBUG_REGISTER;
    if (vmx) {
        own[CODE] = VS_SVM_EXCEPTION + INVALID_OPCODE;
        return vs_svm_intercepts(s, (uint32_t)own[CODE]) ? OP_EXCP : -1;
    }
    if (!list[t->x86].op) {
        return -1;
    }
    own[CODE] = list[t->x86].code + (debug ? t->number & 15u : 0);
    own[INFO1] = debug && s->config.decode_assists ? t->gpr : 0;
    return vs_svm_intercepts(s, (uint32_t)own[CODE]) ? list[t->x86].op - 1 : -1;
}

/* An access to the guest's APIC, whose registers AVIC virtualizes; -1: it does all of it. */
static int avic(struct vs_svm *s, struct vs_txn *t, uint32_t reg, bool write, uint64_t value,
                uint64_t own[VS_EXIT_WORDS])
{
    own[CODE] = vs__svm_avic_access(s, t, reg, write, value, &own[INFO1]);
    return !own[CODE]                                ? -1
           : own[CODE] == VS_SVM_AVIC_INCOMPLETE_IPI ? OP_AVIC_IPI
           : vs__svm_avic_is_done(own[INFO1])        ? OP_AVIC_WRITE
                                                     : OP_AVIC_FAULT;
}

/* The code of a trap and what it says; -1: the architecture does not have it, or the guest carries
 * on. */
static int decide(struct vs_svm *s, struct vs_txn *t, const struct vs_trap *trap,
                  uint64_t own[VS_EXIT_WORDS])
{
    own[EVENT] = trap->vectoring ? VS_SVM_EVENT_VALID | trap->vectoring : 0;
    switch (trap->kind) {
    case VS_TRAP_UNDEFINED:
    case VS_TRAP_DEBUG_REGISTER:
    case VS_TRAP_COUNTER:
    case VS_TRAP_CACHES:
    case VS_TRAP_MONITOR:
    case VS_TRAP_DESCRIPTOR_TABLE:
    case VS_TRAP_XSETBV:
    case VS_TRAP_SHUTDOWN:
    case VS_TRAP_NESTED_STATE:
    case VS_TRAP_NESTED_FLAG:
    case VS_TRAP_NESTED_ENTRY:
        return instruction(s, trap, own);
    case VS_TRAP_NMI:
        own[CODE] = VS_SVM_NMI;
        return vs_svm_intercepts(s, VS_SVM_NMI) ? OP_NMI : -1;
    case VS_TRAP_INTERRUPT_RETURN:
        own[CODE] = VS_SVM_IRET;
        return vs_svm_intercepts(s, VS_SVM_IRET) ? OP_IRET : -1;
    case VS_TRAP_NMI_WINDOW: /* the instruction that held it is stepped over: #DB */
        own[CODE] = VS_SVM_EXCEPTION + DEBUG_EXCEPTION;
        return s->rflags & VS_SVM_RFLAGS_TF && vs_svm_intercepts(s, (uint32_t)own[CODE]) ? OP_EXCP
                                                                                         : -1;
    case VS_TRAP_EXCEPTION: /* of #PF: error code and address, 15.12.15 */
        own[CODE] = VS_SVM_EXCEPTION + (trap->number & 31u);
        own[INFO1] = trap->error_code;
        own[INFO2] = trap->number == PAGE_FAULT ? trap->gva.v : 0;
        return vs_svm_intercepts(s, (uint32_t)own[CODE]) ? OP_EXCP : -1;
    case VS_TRAP_INTERRUPT:
        own[CODE] = VS_SVM_INTR;
        return vs_svm_intercepts(s, VS_SVM_INTR) ? OP_INTR : -1;
    case VS_TRAP_INTERRUPT_WINDOW:
        own[CODE] = VS_SVM_VINTR;
        return vs_svm_window(s) ? OP_VINTR : -1;
    case VS_TRAP_CPU_ID:
        own[CODE] = VS_SVM_CPUID;
        return vs_svm_intercepts(s, VS_SVM_CPUID) ? OP_CPUID : -1;
    case VS_TRAP_HALT:
        own[CODE] = VS_SVM_HLT;
        return vs_svm_intercepts(s, VS_SVM_HLT) ? OP_HLT : -1;
    case VS_TRAP_INVALIDATE:
        return invalidation(s, trap, own);
    case VS_TRAP_TIMESTAMP:
        if (trap->x86) {
            return instruction(s, trap, own);
        }
        own[CODE] = VS_SVM_RDTSC;
        return vs_svm_intercepts(s, VS_SVM_RDTSC) ? OP_RDTSC : -1;
    case VS_TRAP_HYPERCALL:
        own[CODE] = VS_SVM_VMMCALL;
        return vs_svm_intercepts(s, VS_SVM_VMMCALL) ? OP_VMMCALL : -1;
    case VS_TRAP_CONTROL_REGISTER:
        return control_register(s, trap, own);
    case VS_TRAP_PIO:
        own[CODE] = VS_SVM_IOIO;
        own[INFO1] = io_info(trap);
        own[INFO2] = vs_svm_get(s, VS_VMCB_RIP) + trap->length;
        return vs_svm_intercepts_io(s, t, trap->number, trap->size) ? OP_IOIO : -1;
    case VS_TRAP_MSR_READ:
    case VS_TRAP_MSR_WRITE:
        own[CODE] = VS_SVM_MSR;
        own[INFO1] = trap->kind == VS_TRAP_MSR_WRITE;
        if (vs_svm_intercepts_msr(s, t, trap->number, own[INFO1])) {
            return own[INFO1] ? OP_MSR_WRITE : OP_MSR_READ;
        }
        return vs_x2apic_msr(trap->number) && vs__svm_avic_on(s, true)
                   ? avic(s, t, vs_x2apic_register(trap->number), own[INFO1], trap->value, own)
                   : -1;
    case VS_TRAP_APIC_WRITE: /* a store to the APIC's page */
        return vs__svm_avic_on(s, false)
                   ? avic(s, t, vs_apic_register_at(trap->number), true, trap->value, own)
                   : -1;
    case VS_TRAP_PAUSE:
        own[CODE] = VS_SVM_PAUSE;
        return vs_svm_intercepts_pause(s, trap->value) ? OP_PAUSE : -1;
    case VS_TRAP_STAGE2_FAULT:
    case VS_TRAP_MMIO: /* the entry of a device's page has a reserved bit, as KVM's has */
        own[CODE] = VS_SVM_NPF;
        own[INFO1] = trap->syndrome;
        own[INFO2] = trap->gpa.v;
        return !vs_svm_intercepts(s, VS_SVM_NPF)    ? -1
               : trap->kind == VS_TRAP_STAGE2_FAULT ? OP_NPF_FAULT
                                                    : OP_NPF_MMIO;
    case VS_TRAP_PRIORITY: /* KVM's svm_update_cr8_intercept: only while it waits for that */
        own[CODE] = VS_SVM_WRITE_CR0 + 8u;
        own[INFO1] = UINT64_C(1) << 63;
        return OP_CR_WRITE;
    default: /* pages of an APIC, timers and logs are Intel's */
        return -1;
    }
}

bool vs__svm_leaves(struct vs_svm *s, struct vs_txn *t, const struct vs_trap *trap,
                    uint64_t own[VS_EXIT_WORDS])
{
    return decide(s, t, trap, own) >= 0;
}

/* Codes of the exits, by operation. */
static const uint32_t codes[EXITS] = {
#define VS_SVM_EXIT(e, code, name, trap, kvm, text, control, information) code,
#include "svm/codes.def"
};

/* The first code of the range that this one is of: registers, vectors. */
static uint64_t first_of(uint64_t code)
{
    return code < VS_SVM_EXCEPTION ? code & ~UINT64_C(15)
           : code < VS_SVM_INTR    ? VS_SVM_EXCEPTION
                                   : code;
}

/* Decides whether a trap leaves the guest, and with which exit code and information. */
static bool leaves(void *ctx, struct vs_txn *t, const struct vs_trap *trap, struct vs_exit *exit)
{
    struct vs_svm *s = ctx;
    *exit = (struct vs_exit){
        .trap = trap->kind, .gpa = trap->gpa, .gva = trap->gva, .length = trap->length};
    int op = s->in_guest ? decide(s, t, trap, exit->own) : -1;
    if (op < 0 && trap->recorded) {
        op = vs_ops_of_trap(ops, codes, EXITS, trap->kind, first_of(exit->own[CODE]));
        for (int i = 0; i < EXITS && op < 0 && trap->x86; i++) { /* a guest hypervisor's */
            op = codes[i] == exit->own[CODE] ? i : op;
        }
    }
    if (op >= 0) {
        bool decoded = op == OP_CR_WRITE || op == OP_CR_READ || op == OP_INVLPG;
        exit->undecoded = !s->config.decode_assists && decoded;
        exit->op = ops[op];
        if (exit->own[CODE] == VS_SVM_AVIC_INCOMPLETE_IPI ||
            exit->own[CODE] == VS_SVM_AVIC_NOACCEL) { /* of an access that had another name */
            exit->trap = vs_op_trap(ops[op]);
            exit->length = op == OP_AVIC_FAULT ? trap->length : 0;
        }
    }
    return op >= 0;
}

/* Does the #VMEXIT, after what its emulation leaves in control registers. */
static bool leave(void *ctx, struct vs_txn *t, const struct vs_exit *exit)
{
    if (exit->own[CODE] == VS_SVM_CR0_SEL_WRITE || exit->own[CODE] == VS_SVM_WRITE_CR0) {
        vs_svm_dirty(ctx, VS_SVM_CLEAN_CR);
        vs_svm_put(ctx, VS_VMCB_CR0, /* what its emulation leaves: KVM's svm_set_cr0 */
                   exit->own[WRITTEN] ? exit->own[WRITTEN] : vs_svm_get(ctx, VS_VMCB_CR0));
    }
    ((struct vs_svm *)ctx)->interrupted = (uint32_t)exit->own[EVENT];
    vs_svm_exit(ctx, t, (uint32_t)exit->own[CODE], exit->own[INFO1], exit->own[INFO2],
                exit->length);
    return true;
}

/* Does the VMRUN. */
static bool enter(void *ctx, struct vs_txn *t)
{
    return vs_svm_enter(ctx, t);
}

/* Says which rule a failed VMRUN broke. */
static void why(void *ctx, char *out, size_t bytes)
{
    const struct vs_svm *s = ctx;
    if (!vs__svm_page(s, s->vmcb.v)) {
        snprintf(out, bytes,
                 "VMRUN: #GP, its VMCB at 0x%" PRIx64
                 " is not at a page of 4 KiB of physical memory (APM volume 3, VMRUN)",
                 s->vmcb.v);
        return;
    }
    snprintf(out, bytes, "VMRUN: VMEXIT_INVALID, %s (APM volume 2, 15.5.1)",
             s->invalid ? s->invalid : "no rule");
}

/* Flushes an address-space identifier at the next VMRUN; a page is an instruction's own. */
static bool flush_tag(void *ctx, struct vs_txn *t, enum vs_world_flush what, uint16_t tag,
                      vs_gva at)
{
    (void)tag, (void)at;
    if (what == VS_WORLD_PAGE) {
        return false; /* INVLPGA, which is an instruction of the core's */
    }
    vs_svm_flush_asid(ctx, t);
    return true;
}

/* Sets the guest's interrupt flag. */
static void mask(void *ctx, bool masked)
{
    vs_svm_mask(ctx, masked);
}

/* Ends an interrupt shadow. */
static void unshadow(void *ctx)
{
    vs_svm_unshadow(ctx);
}

/* Executes one of SVM's instructions of the guest itself, where its hardware can. */
static bool execute(void *ctx, struct vs_txn *t, uint8_t x86, bool *held)
{
    bool done = vs_svm_execute(ctx, t, x86);
    *held = !vs_svm_gif(ctx);
    return done;
}

/* The guest's IRET has executed. */
static void nmi_returns(void *ctx)
{
    vs_svm_nmi_returns(ctx);
}

/* The guest takes a virtual NMI. */
static bool nmi_takes(void *ctx)
{
    return vs_svm_nmi_takes(ctx);
}

/* Tells the AVIC whether the vCPU runs. */
static void running(void *ctx, struct vs_txn *t, bool on)
{
    vs_svm_avic_running(ctx, t, on);
}

/* The guest's time-stamp counter at a moment of the host's. */
static uint64_t clock(void *ctx, uint64_t host)
{
    const struct vs_svm *s = ctx;
    return host + s->on.tsc_offset;
}

struct vs_world_port vs_svm_world(struct vs_svm *s)
{
    vs_svm_register();
    return (struct vs_world_port){.ctx = s,
                                  .leaves = leaves,
                                  .leave = leave,
                                  .enter = enter,
                                  .why = why,
                                  .flush_tag = flush_tag,
                                  .mask = mask,
                                  .unshadow = unshadow,
                                  .nmi_returns = nmi_returns,
                                  .nmi_takes = s->config.vnmi ? nmi_takes : NULL,
                                  .execute = execute,
                                  .clock = clock,
                                  .says = vs__svm_says,
                                  .running = running};
}

/* ---- what handlers read and write ---- */

/* Where it is in the VMCB; 0: nowhere (a register, or nothing that AMD has). The intercept vectors,
 * which are at 0, are VS_STATE_CONTROLS. */
static const uint16_t offset_of[VS_STATE_N] = {
    [VS_STATE_REASON] = VS_VMCB_EXITCODE,
    [VS_STATE_VECTORING] = VS_VMCB_EXITINTINFO,
    [VS_STATE_SYNDROME] = VS_VMCB_EXITINFO1,
    [VS_STATE_INTR_INFO] = VS_VMCB_EXITINTINFO,
    [VS_STATE_FAULT_GPA] = VS_VMCB_EXITINFO2,
    [VS_STATE_FAULT_GVA] = VS_VMCB_EXITINFO2,
    [VS_STATE_LENGTH] = VS_VMCB_NRIP,
    [VS_STATE_PC] = VS_VMCB_RIP,
    [VS_STATE_SP] = VS_VMCB_RSP,
    [VS_STATE_FLAGS] = VS_VMCB_RFLAGS,
    [VS_STATE_CODE_SEGMENT] = VS_VMCB_CS,
    [VS_STATE_CR3] = VS_VMCB_CR3,
    [VS_STATE_INTERRUPTIBILITY] = VS_VMCB_INT_STATE,
    [VS_STATE_CONTROLS] = VS_VMCB_INT_CTL,
    [VS_STATE_VIRTUAL_NMI] = VS_VMCB_INT_CTL,
    [VS_STATE_ENTRY_INTR] = VS_VMCB_EVENTINJ,
    [VS_STATE_ENTRY_ERROR] = VS_VMCB_EVENTINJ,
    [VS_STATE_SPIN] = VS_VMCB_PAUSE_COUNT,
};

/* Accesses the line of a field of the VMCB. */
static void touch(struct vs_svm *s, struct vs_txn *t, uint64_t offset, enum vs_ref ref)
{
    if (t) {
        s->count[VS_CNT_svm_fields]++;
        s->wire.mem.touch(s->wire.mem.ctx, t, vs_svm_at(s->vmcb, offset), ref);
    }
}

/* What AVIC is to deliver is requested in the backing page. */
static void touch_requests(struct vs_svm *s, struct vs_txn *t, enum vs_ref ref)
{
    if (t && s->avic.backing.v) {
        s->wire.mem.touch(s->wire.mem.ctx, t,
                          vs_svm_at(s->avic.backing, VS_APIC_OFFSET(VS_APIC_IRR)), ref);
    }
}

/* An event of EVENTINJ as neutral bits. */
static uint64_t event_in(uint64_t e)
{
    return (e & (VS_SVM_EVENT_VALID | VS_EVENT_VECTOR)) |
           ((e & VS_SVM_EVENT_TYPE) == VS_SVM_EVENT_EXCEPTION ? VS_EVENT_EXCEPTION : 0) |
           ((e & VS_SVM_EVENT_TYPE) == VS_SVM_EVENT_NMI ? VS_EVENT_NMI : 0) |
           (e & VS_SVM_EVENT_ERROR ? VS_EVENT_ERROR : 0);
}

/* Neutral bits as an event of EVENTINJ. */
static uint64_t event_out(uint64_t e)
{
    return (e & (VS_EVENT_VALID | VS_EVENT_VECTOR)) |
           (e & VS_EVENT_EXCEPTION ? VS_SVM_EVENT_EXCEPTION : 0) |
           (e & VS_EVENT_NMI ? VS_SVM_EVENT_NMI : 0) |
           (e & VS_EVENT_ERROR ? VS_SVM_EVENT_ERROR : 0);
}

#define GIF_HOLDS 2u /* of what is read as interruptibility; INT_STATE has no such bit */

/* KVM's gif_set, where the flag is virtualized: as the VMCB has it. */
static bool gif_is_clear(const struct vs_svm *s)
{
    uint64_t control = vs_svm_get(s, VS_VMCB_INT_CTL);
    return control & VS_SVM_V_GIF_ENABLE && !(control & VS_SVM_V_GIF);
}

bool vs__svm_read_state(void *ctx, struct vs_txn *t, enum vs_state what, uint64_t *value)
{
    struct vs_svm *s = ctx;
    uint64_t offset = offset_of[what];
    *value = 0;
    if (what == VS_STATE_VIRTUAL_INTR) {
        touch_requests(s, t, VS_REF_READ);
    }
    if (!offset) {
        return true;
    }
    touch(s, t, offset, VS_REF_READ);
    if (what == VS_STATE_SPIN) {
        *value = vs_svm_get16(s, VS_VMCB_PAUSE_COUNT);
        return true;
    }
    *value = vs_svm_get(s, offset);
    switch (what) {
    case VS_STATE_LENGTH:
        *value = *value ? *value - vs_svm_get(s, VS_VMCB_RIP) : 0;
        break;
    case VS_STATE_INTERRUPTIBILITY:
        *value &= VS_SVM_INTERRUPT_SHADOW;
        *value |= gif_is_clear(s) ? GIF_HOLDS : 0; /* svm_interrupt_blocked */
        *value |= vs__svm_nmi_masked(s) ? VS_BLOCKS_NMI : 0;
        break;
    case VS_STATE_CONTROLS:
        *value = (*value & VS_SVM_V_IRQ ? VS_CONTROLS_WINDOW : 0) |
                 (vs__svm_nmi_window(s) ? VS_CONTROLS_NMI_WINDOW : 0);
        break;
    case VS_STATE_VIRTUAL_NMI:
        *value = (*value & VS_SVM_V_NMI_PENDING) != 0;
        break;
    case VS_STATE_ENTRY_INTR:
        *value = event_in(*value);
        break;
    case VS_STATE_ENTRY_ERROR:
        *value >>= 32;
        break;
    default:
        break;
    }
    return true;
}

bool vs__svm_write_state(void *ctx, struct vs_txn *t, enum vs_state what, uint64_t value)
{
    struct vs_svm *s = ctx;
    uint64_t offset = offset_of[what];
    if (what == VS_STATE_VIRTUAL_INTR) {
        touch_requests(s, t, VS_REF_WRITE);
    }
    if (!offset) {
        return true;
    }
    touch(s, t, offset, VS_REF_WRITE);
    if (what == VS_STATE_SPIN) {
        uint16_t count = (uint16_t)(value < UINT16_MAX ? value : UINT16_MAX);
        vs_phys_write(s->wire.phys, vs_svm_at(s->vmcb, offset), &count, sizeof count);
        vs_svm_dirty(s, VS_SVM_CLEAN_INTERCEPTS);
        return true;
    }
    uint64_t old = vs_svm_get(s, offset);
    switch (what) {
    case VS_STATE_INTERRUPTIBILITY:
        value = (old & ~(uint64_t)VS_SVM_INTERRUPT_SHADOW) | (value & VS_SVM_INTERRUPT_SHADOW);
        break;
    case VS_STATE_CONTROLS: /* V_IRQ, and its intercept in the vectors */
        touch(s, t, VS_VMCB_INTERCEPTS, VS_REF_WRITE);
        vs__svm_ask_window(s, value & VS_CONTROLS_WINDOW);
        vs__svm_ask_nmi_window(s, value & VS_CONTROLS_NMI_WINDOW);
        return true;
    case VS_STATE_VIRTUAL_NMI: /* svm_set_vnmi_pending */
        vs_svm_dirty(s, VS_SVM_CLEAN_TPR);
        value = (old & ~VS_SVM_V_NMI_PENDING) | (value ? VS_SVM_V_NMI_PENDING : 0);
        break;
    case VS_STATE_ENTRY_INTR:
        if (value & VS_EVENT_NMI && !s->config.vnmi) { /* svm_inject_nmi */
            touch(s, t, VS_VMCB_INTERCEPTS, VS_REF_WRITE);
            vs__svm_intercept(s, VS_SVM_IRET, true);
            s->nmi_masked = true;
        }
        value = (old & ~0xffffffffull) | event_out(value);
        break;
    case VS_STATE_ENTRY_ERROR:
        value = (old & 0xffffffffull) | value << 32;
        break;
    default:
        break;
    }
    if (what == VS_STATE_CR0 || what == VS_STATE_CR3) {
        vs_svm_dirty(s, VS_SVM_CLEAN_CR);
    } else if (what == VS_STATE_CODE_SEGMENT) {
        vs_svm_dirty(s, VS_SVM_CLEAN_SEG);
    }
    vs_svm_put(s, offset, value);
    return true;
}

struct vs_state_port vs_svm_state_port(struct vs_svm *s)
{
    return (struct vs_state_port){s, vs__svm_read_state, vs__svm_write_state, NULL, false};
}
