/* SPDX-License-Identifier: MIT */
/* The fields that move between VMCS01, VMCS12 and VMCS02, and whose an exit is. */
#include "virtsim/x86.h"
#include "vmcs/vmcs_nested_impl.h"

#include <stdio.h>

#define VS_DEF_NAME nested
#define VS_DEF_FILE "vmcs/nested.def"
#include "virtsim/def_tables.h"

/* What of the secondary controls VMCS02 has from VMCS12 alone (prepare_vmcs02_early). */
#define ONLY_FROM_12                                                                               \
    (VS_PROC2_APIC_ACCESSES | VS_PROC2_INVPCID | VS_PROC2_RDTSCP | VS_PROC2_XSAVES |               \
     VS_PROC2_USER_WAIT | VS_PROC2_INTERRUPT_DELIVERY | VS_PROC2_APIC_REGISTERS | VS_PROC2_VMFUNC)
/* Secondary controls that KVM does not offer to a guest hypervisor (nested_vmx_setup_ctls_msrs). */
#define NOT_OFFERED (VS_PROC2_PAUSE_LOOP | VS_PROC2_BUS_LOCK | VS_PROC2_SHADOWING)

/* Linux's POSTED_INTR_NESTED_VECTOR, the notification vector of VMCS02: what is posted to the guest
 * hypervisor itself stops its guest (prepare_vmcs02_constant_state). */
#define NESTED_VECTOR 0xf0u

/* VMCS12's controls, on which the lists depend. */
struct controls {
    uint64_t pin, proc, proc2, exit, entry;
};

/* The control words of VMCS12. */
static struct controls controls12(const struct vs_vmx_nested *n)
{
    struct controls c = {vs__nested_get12(n, VS_VMCS_AT_PIN_CONTROLS),
                         vs__nested_get12(n, VS_VMCS_AT_PROC_CONTROLS),
                         vs__nested_get12(n, VS_VMCS_AT_PROC2_CONTROLS),
                         vs__nested_get12(n, VS_VMCS_AT_EXIT_CONTROLS),
                         vs__nested_get12(n, VS_VMCS_AT_ENTRY_CONTROLS)};
    c.proc2 = c.proc & VS_PROC_SECONDARY ? c.proc2 : 0;
    return c;
}

void vs__nested_touch(const struct vs_vmx_nested *n, struct vs_txn *t, uint64_t lines,
                      enum vs_ref ref)
{
    const struct vs_vmx *x = n->x;
    for (unsigned i = 0; t && x->wire.mem.touch && i < VS_REGION_LINES; i++) {
        if (lines >> i & 1u) {
            vs_mem_touches_on(&x->wire.mem, t, (vs_hpa){n->vmcs12 + 64u * i}, 1, ref,
                              (uint16_t)(n->base + VS_ACC_nested_lines));
        }
    }
}

/* Writes a field of the current VMCS, if the part has it. */
static void write(struct vs_vmx_nested *n, struct vs_txn *t, unsigned position, uint64_t value,
                  unsigned counter)
{
    if (vs__nested_has(n, position)) {
        n->count[counter]++;
        (void)vs__vmx_write_at(n->x, t, position, value);
    }
}

/* ---- an exit that is handed on ---- */

enum { READ, KNOWN, LOOK };

/* A control register as its guest has it: bits of its own from the register, those that the guest
 * hypervisor keeps as they were, those that only the host keeps from the read shadow
 * (vmcs12_guest_cr0, vmcs12_guest_cr4). */
static uint64_t control_register(const struct vs_vmx_nested *n, unsigned reg, unsigned mask,
                                 unsigned shadow)
{
    uint64_t host = vs_vmx_get(n->x, mask), hypervisor = vs__nested_get12(n, mask);
    return (vs_vmx_get(n->x, reg) & ~host) | (vs__nested_get12(n, reg) & hypervisor) |
           (vs_vmx_get(n->x, shadow) & host & ~hypervisor);
}

/* Copies a field from the current VMCS to VMCS12. */
static void save_field(struct vs_vmx_nested *n, struct vs_txn *t, unsigned position, int how,
                       uint64_t *lines)
{
    uint64_t value;
    if (!vs__nested_has(n, position)) {
        return;
    }
    if (how == KNOWN) {
        value = vs_vmx_get(n->x, position);
    } else if (vs__vmx_read_at(n->x, t, position, &value) != VS_VMX_OK || how == LOOK) {
        return;
    }
    if (position == VS_VMCS_AT_GUEST_CR0) {
        value = control_register(n, position, VS_VMCS_AT_CR0_MASK, VS_VMCS_AT_CR0_SHADOW);
    } else if (position == VS_VMCS_AT_GUEST_CR4) {
        value = control_register(n, position, VS_VMCS_AT_CR4_MASK, VS_VMCS_AT_CR4_SHADOW);
    }
    vs__nested_line(lines, position);
    vs__nested_put12(n, position, value);
    n->count[VS_CNT_nested_saved]++;
}

/* Copies what the guest's guest left to VMCS12. */
static void save(void *ctx, struct vs_txn *t)
{
    struct vs_vmx_nested *n = ctx;
    const struct controls c = controls12(n);
    const uint64_t proc2 = c.proc2, exit = c.exit;
    uint64_t lines = 0;
    n->count[VS_CNT_nested_reflected]++;
#define VS_NESTED_SAVE(field, how, when)                                                           \
    if (when) {                                                                                    \
        save_field(n, t, VS_VMCS_AT_##field, how, &lines);                                         \
    }
#include "vmcs/nested_fields.def"
    if (n->becomes) { /* nested_vmx_vmexit of an event, whose values it is given */
        vs__nested_put12(n, VS_VMCS_AT_EXIT_REASON, n->becomes & 0xffffu);
        vs__nested_put12(n, VS_VMCS_AT_EXIT_QUALIFICATION, 0);
        vs__nested_put12(n, VS_VMCS_AT_EXIT_INTERRUPTION_INFO, n->becomes_interruption);
        n->becomes = 0;
    }
    /* an exit clears the valid bit of what its entry has injected */
    vs__nested_put12(n, VS_VMCS_AT_ENTRY_INTERRUPTION_INFO,
                     vs__nested_get12(n, VS_VMCS_AT_ENTRY_INTERRUPTION_INFO) &
                         ~(uint64_t)VS_INTR_VALID);
    vs__nested_line(&lines, VS_VMCS_AT_ENTRY_INTERRUPTION_INFO);
    vs__nested_touch(n, t, lines, VS_REF_WRITE);
}

/* The vector of an interrupt is VMCS12's where that acknowledges it on exit
 * (nested_exit_intr_ack_set). */
static void becomes(void *ctx, enum vs_trap_kind trap, uint8_t vector)
{
    struct vs_vmx_nested *n = ctx;
    bool interrupt = trap == VS_TRAP_INTERRUPT;
    bool acknowledged = interrupt && controls12(n).exit & VS_EXIT_ACKNOWLEDGE;
    n->becomes = interrupt ? VS_EXIT_EXTERNAL_INTERRUPT : VS_EXIT_PREEMPTION_TIMER;
    n->becomes_interruption = acknowledged ? VS_INTR_VALID | VS_INTR_EXTERNAL << 8 | vector : 0;
    n->count[VS_CNT_nested_events]++;
}

/* Makes VMCS01 current again with the host state of VMCS12. */
static void leave(void *ctx, struct vs_txn *t)
{
    struct vs_vmx_nested *n = ctx;
    const uint64_t exit = controls12(n).exit;
    uint64_t lines = 0;
    (void)vs_vmx_ptrld(n->x, t, (vs_hpa){n->vmcs01}); /* vmx_switch_vmcs */
    /* what may have changed while the other one ran: nested_vmx_vmexit */
    static const unsigned again[] = {VS_VMCS_AT_EXIT_MSR_LOAD_COUNT,
                                     VS_VMCS_AT_ENTRY_MSR_LOAD_COUNT, VS_VMCS_AT_TSC_OFFSET};
    for (size_t i = 0; i < sizeof again / sizeof *again; i++) {
        write(n, t, again[i], vs_vmx_get(n->x, again[i]), VS_CNT_nested_left);
    }
#define VS_NESTED_HOST(guest, host, when)                                                          \
    if (when) {                                                                                    \
        vs__nested_line(&lines, VS_VMCS_AT_##host);                                                \
        write(n, t, VS_VMCS_AT_##guest, vs__nested_get12(n, VS_VMCS_AT_##host),                    \
              VS_CNT_nested_left);                                                                 \
    }
#define VS_NESTED_FIXED(guest, value, when)                                                        \
    if (when) {                                                                                    \
        write(n, t, VS_VMCS_AT_##guest, value, VS_CNT_nested_left);                                \
    }
#include "vmcs/nested_fields.def"
    vs__nested_touch(n, t, lines, VS_REF_READ);
}

/* ---- the entry of a guest hypervisor ---- */

/* nested_vmx_check_controls, _host_state, _guest_state: the same rules as the processor's, on
 * VMCS12. A failure of the first two is the instruction's. */
static bool check(void *ctx, struct vs_txn *t)
{
    struct vs_vmx_nested *n = ctx;
    struct vs_vmx *x = n->x;
    uint64_t own = x->current;
    x->current = n->vmcs12;
    struct vs_vmx_verdict v[3] = {vs__vmx_check_controls(x), vs__vmx_check_host(x),
                                  vs__vmx_check_guest(x)};
    x->current = own;
    static const uint32_t error[3] = {VS_VMXERR_ENTRY_CONTROLS, VS_VMXERR_ENTRY_HOST,
                                      VS_EXIT_INVALID_GUEST_STATE | VS_EXIT_ENTRY_FAILURE};
    vs__nested_touch(n, t, (UINT64_C(1) << VS_REGION_LINES) - 1u, VS_REF_READ);
    n->failed = NULL;
    n->error = 0;
    for (unsigned i = 0; i < 3 && !n->failed; i++) {
        n->count[VS_CNT_nested_checks] += v[i].made;
        n->failed = v[i].failed;
        n->error = v[i].failed ? error[i] : 0;
    }
    return !n->failed;
}

/* A control word, which is written only where it changes. */
static void control(struct vs_vmx_nested *n, struct vs_txn *t, unsigned position, uint64_t value)
{
    if (vs_vmx_get(n->x, position) != value) {
        write(n, t, position, value, VS_CNT_nested_merged);
    }
}

/* What VMCS01 has in a field, which is what the host's hypervisor wants. */
static uint64_t get01(const struct vs_vmx_nested *n, unsigned position)
{
    return vs_phys_read64(n->x->wire.phys, vs_vmx_at(n->vmcs01, position));
}

/* prepare_vmcs02_early: what either of them wants to exit for. */
static void merge_controls(struct vs_vmx_nested *n, struct vs_txn *t, const struct controls *c)
{
    uint64_t pin = get01(n, VS_VMCS_AT_PIN_CONTROLS), proc = get01(n, VS_VMCS_AT_PROC_CONTROLS),
             proc2 = get01(n, VS_VMCS_AT_PROC2_CONTROLS);
    pin = (pin & ~VS_PIN_POSTED_INTERRUPTS) | (c->pin & ~VS_PIN_PREEMPTION_TIMER);
    proc &= ~(VS_PROC_INTERRUPT_WINDOW | VS_PROC_NMI_WINDOW | VS_PROC_TPR_SHADOW);
    proc |= c->proc;
    proc |= proc & VS_PROC_TPR_SHADOW ? 0 : VS_PROC_CR8_LOAD | VS_PROC_CR8_STORE;
    proc = (proc | VS_PROC_UNCONDITIONAL_IO) & ~VS_PROC_IO_BITMAPS;
    if (!(c->proc & VS_PROC_MSR_BITMAPS)) { /* nested_vmx_prepare_msr_bitmap */
        proc &= ~VS_PROC_MSR_BITMAPS;
    }
    proc2 = ((proc2 & ~ONLY_FROM_12) | (c->proc2 & ~VS_PROC2_PML)) & ~VS_PROC2_SHADOWING;
    control(n, t, VS_VMCS_AT_PIN_CONTROLS, pin);
    control(n, t, VS_VMCS_AT_PROC_CONTROLS, proc);
    control(n, t, VS_VMCS_AT_PROC2_CONTROLS, proc2);
    control(n, t, VS_VMCS_AT_ENTRY_CONTROLS, c->entry | get01(n, VS_VMCS_AT_ENTRY_CONTROLS));
    control(n, t, VS_VMCS_AT_EXIT_CONTROLS, get01(n, VS_VMCS_AT_EXIT_CONTROLS));
}

/* Copies a field from VMCS12 to the current VMCS. */
static void copy(struct vs_vmx_nested *n, struct vs_txn *t, unsigned position, uint64_t *lines)
{
    vs__nested_line(lines, position);
    write(n, t, position, vs__nested_get12(n, position), VS_CNT_nested_merged);
}

/* With the right VMCS current. */
static void prepare(struct vs_vmx_nested *n, struct vs_txn *t)
{
    const struct controls c = controls12(n);
    const uint64_t proc = c.proc, proc2 = c.proc2, entry = c.entry;
    uint64_t lines = 0;
    merge_controls(n, t, &c);
    if (n->dirty) {
        n->count[VS_CNT_nested_rare]++;
#define VS_NESTED_RARE(field, when)                                                                \
    if (when) {                                                                                    \
        copy(n, t, VS_VMCS_AT_##field, &lines);                                                    \
    }
#include "vmcs/nested_fields.def"
    }
    n->dirty = false;
#define VS_NESTED_MERGE(field, when)                                                               \
    if (when) {                                                                                    \
        copy(n, t, VS_VMCS_AT_##field, &lines);                                                    \
    }
#include "vmcs/nested_fields.def"
    /* what is neither one's alone */
    static const unsigned joined[] = {VS_VMCS_AT_EXCEPTION_BITMAP, VS_VMCS_AT_CR0_MASK,
                                      VS_VMCS_AT_CR4_MASK};
    for (size_t i = 0; i < sizeof joined / sizeof *joined; i++) {
        vs__nested_line(&lines, joined[i]);
        write(n, t, joined[i], get01(n, joined[i]) | vs__nested_get12(n, joined[i]),
              VS_CNT_nested_merged);
    }
    write(n, t, VS_VMCS_AT_TSC_OFFSET,
          get01(n, VS_VMCS_AT_TSC_OFFSET) +
              (proc & VS_PROC_TSC_OFFSETTING ? vs__nested_get12(n, VS_VMCS_AT_TSC_OFFSET) : 0),
          VS_CNT_nested_merged);
    vs__nested_touch(n, t, lines, VS_REF_READ);
}

/* Makes VMCS02 current and writes into it what VMCS12 asks for. */
static void merge(void *ctx, struct vs_txn *t)
{
    struct vs_vmx_nested *n = ctx;
    n->count[VS_CNT_nested_entries]++;
    (void)vs_vmx_ptrld(n->x, t, (vs_hpa){n->vmcs02}); /* vmx_switch_vmcs */
    prepare(n, t);
}

/* Says why the guest hypervisor's entry failed. */
static void why(void *ctx, char *out, size_t bytes)
{
    const struct vs_vmx_nested *n = ctx;
    snprintf(out, bytes,
             "the guest hypervisor's VMRESUME fails (%s %lu): VMCS12 breaks the rule %s",
             n->error & VS_EXIT_ENTRY_FAILURE ? "exit reason" : "VM-instruction error",
             (unsigned long)(n->error & 0xffffu), n->failed ? n->failed : "-");
}

/* ---- whose an exit is ---- */

/* nested_vmx_l0_wants_exit: reasons that the host keeps for itself, whatever VMCS12 says. */
static bool host_keeps(const struct vs_vmx *x, const struct vs_vmx_exit_info *i)
{
    switch (i->reason) {
    case VS_EXIT_EXCEPTION_NMI:
        return VS_INTR_TYPE(i->interruption) == VS_INTR_NMI ||
               ((i->interruption & VS_INTR_VECTOR) == 14u && !(vs_vmx_proc2(x) & VS_PROC2_EPT));
    case VS_EXIT_EXTERNAL_INTERRUPT:
    case VS_EXIT_EPT_VIOLATION: /* of what VMCS12's EPT lacks the caller knows */
    case VS_EXIT_EPT_MISCONFIG:
    case VS_EXIT_PREEMPTION_TIMER:
    case VS_EXIT_PML_FULL:
    case VS_EXIT_VMFUNC:
    case VS_EXIT_BUS_LOCK:
        return true;
    default:
        return false;
    }
}

/* nested_vmx_l1_wants_exit: the guest hypervisor wants what would exit if VMCS12 ran its guest.
 * KVM asks its controls reason by reason, and its bitmaps in memory. */
static bool wants(void *ctx, struct vs_txn *t, const struct vs_trap *trap,
                  const struct vs_exit *exit)
{
    struct vs_vmx_nested *n = ctx;
    struct vs_vmx *x = n->x;
    struct vs_vmx_exit_info info, by12;
    struct vs_vmx_event event;
    memcpy(&info, exit->own, sizeof info);
    n->count[VS_CNT_nested_exits] += t != NULL;
    if (host_keeps(x, &info) || !vs__vmx_event_of(trap, &event)) {
        return false;
    }
    uint64_t lines = 0;
    vs__nested_line(&lines, VS_VMCS_AT_PROC_CONTROLS);
    vs__nested_touch(n, t, lines, VS_REF_READ);
    uint64_t own = x->current, first = x->pause_first, last = x->pause_last,
             bypassed = x->count[VS_CNT_vmcs_bypassed],
             lookups = x->count[VS_CNT_vmcs_bitmap_lookups];
    x->current = n->vmcs12;
    x->in_guest = true;
    bool is = vs_vmx_intercept(x, t, &event, &by12);
    x->in_guest = false;
    x->current = own;
    x->pause_first = first;
    x->pause_last = last;
    x->count[VS_CNT_vmcs_bypassed] = bypassed;
    if (!t) {
        x->count[VS_CNT_vmcs_bitmap_lookups] = lookups;
    }
    return is;
}

/* ---- what the guest hypervisor executes ---- */

/* The instruction by which the guest hypervisor accesses its VMCS. */
static struct vs_trap access_trap(void *ctx, enum vs_state what, bool write)
{
    (void)ctx;
    return (struct vs_trap){.kind = write ? VS_TRAP_STATE_WRITE : VS_TRAP_STATE_READ,
                            .x86 = write ? VS_X86_VMWRITE : VS_X86_VMREAD,
                            .value = vs_vmcs_fields[vs__vmx_state_at(what)].encoding,
                            .length = 3};
}

/* The instruction by which the guest hypervisor enters its guest. */
static struct vs_trap entry_trap(void *ctx)
{
    (void)ctx;
    return (struct vs_trap){.kind = VS_TRAP_NESTED_ENTRY, .x86 = VS_X86_VMRESUME, .length = 3};
}

bool vs__nested_shadows(unsigned position)
{
    switch (position) {
#define VS_NESTED_SHADOW(field, write)                                                             \
    case VS_VMCS_AT_##field:                                                                       \
        return write;
#include "vmcs/nested_fields.def"
    default:
        return false;
    }
}

/* Emulates the guest hypervisor's access to VMCS12. */
static void emulate(void *ctx, struct vs_txn *t, enum vs_state what, bool write, uint64_t *value)
{
    struct vs_vmx_nested *n = ctx;
    unsigned position = vs__vmx_state_at(what);
    uint64_t lines = 0, old = vs__nested_get12(n, position);
    n->count[VS_CNT_nested_state_exits]++;
    vs__nested_line(&lines, position);
    vs__nested_touch(n, t, lines, write ? VS_REF_WRITE : VS_REF_READ);
    if (!write) {
        *value = vs__vmx_state_meaning(what, old);
        return;
    }
    vs__nested_put12(n, position, vs__vmx_state_value(what, old, *value));
    n->dirty = n->dirty || !vs__nested_shadows(position);
}

struct vs_nested_port vs_vmx_nested_port(struct vs_vmx_nested *n)
{
    return (struct vs_nested_port){.ctx = n,
                                   .wants = wants,
                                   .save = save,
                                   .becomes = becomes,
                                   .leave = leave,
                                   .publish = vs__nested_publish,
                                   .collect = vs__nested_collect,
                                   .check = check,
                                   .merge = merge,
                                   .why = why,
                                   .access_trap = access_trap,
                                   .entry_trap = entry_trap,
                                   .emulate = emulate,
                                   .resets = vs__nested_resets,
                                   .carry_out = vs__nested_carry_out,
                                   .executes = vs__nested_executes,
                                   .shadowed = vs__nested_shadowed,
                                   .shadows = n->shadows,
                                   .timer = controls12(n).pin & VS_PIN_PREEMPTION_TIMER};
}

enum vs_vmx_result vs_vmx_nested_setup(struct vs_vmx_nested *n, struct vs_vmx *x,
                                       const struct vs_vmx_setup *s01,
                                       const struct vs_vmx_setup *s12,
                                       const struct vs_vmx_nested_pages *pages, uint16_t vpid02)
{
    struct vs_vmx_setup s02 = *s12;
    s02.vmcs.v = pages->vmcs02;
    s02.eptp = pages->eptp02;
    s02.vpid = vpid02;
    s02.posted_vector = NESTED_VECTOR;
    s02.host_cr3 = s01->host_cr3;
    s02.host_rip = s01->host_rip;
    s02.host_rsp = s01->host_rsp;
    n->x = x;
    n->vmcs01 = s01->vmcs.v;
    n->vmcs12 = s12->vmcs.v;
    n->vmcs02 = pages->vmcs02;
    n->shadow = pages->shadow;
    n->base = vs_ledger_accounts(x->wire.ledger, &vs_nested_desc);
    vs_ledger_counters(x->wire.ledger, x->wire.host_actor, &vs_nested_desc, n->count);
    enum vs_vmx_result r = vs_vmx_setup_default(x, s12);
    VS_PUT(x, PROC2_CONTROLS, VS_GET(x, PROC2_CONTROLS) & ~NOT_OFFERED);
    if (!n->config.io_exiting) {
        VS_PUT(x, PROC_CONTROLS,
               VS_GET(x, PROC_CONTROLS) & ~(VS_PROC_UNCONDITIONAL_IO | VS_PROC_IO_BITMAPS));
    }
    if (!n->config.hlt_exiting) {
        VS_PUT(x, PROC_CONTROLS, VS_GET(x, PROC_CONTROLS) & ~VS_PROC_HLT);
    }
    r = r ? r : vs_vmx_setup_default(x, s01);
    vs__nested_shadow_setup(n, pages);
    r = r ? r : vs_vmx_enter(x, NULL, VS_VMX_LAUNCH);
    struct vs_vmx_exit_info launch = {.reason = VS_EXIT_VMLAUNCH, .length = 3};
    r = r ? r : vs_vmx_exit(x, NULL, &launch);
    r = r ? r : vs_vmx_setup_default(x, &s02);
    if (r) {
        return r;
    }
    n->dirty = true;
    prepare(n, NULL);
    r = check(n, NULL) ? vs_vmx_enter(x, NULL, VS_VMX_LAUNCH) : VS_VMX_FAIL_VALID;
    memset(n->count, 0, sizeof n->count);
    memset(x->count, 0, sizeof x->count);
    return r;
}
