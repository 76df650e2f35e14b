/* SPDX-License-Identifier: MIT */
/*
 * An exit of a guest hypervisor's guest: whose it is, and how the guest hypervisor, L1, comes to
 * handle it. Its programs run as the host's do, but in a guest: what they read and write of their
 * guest's state are instructions that may exit to the host's hypervisor, L0, and so is the entry at
 * their end.
 */
#include "host/host.h"

#include "cpu/nested.h"

/* An access of L1 to the state of its guest, while L0 carries it out. */
struct access {
    struct vs_nested *n;
    enum vs_state what;
    bool write;
    uint64_t *value;
};

/* Of the exit for such an access: its effect, in the handler's time. */
static void emulate(void *ctx, struct vs_txn *t)
{
    const struct access *a = ctx;
    a->n->port.emulate(a->n->port.ctx, t, a->what, a->write, a->value);
}

/* L1 executes it. Untimed, it is L1's own business what it knows. */
static bool access_state(struct vs_vcpu *v, struct vs_txn *t, enum vs_state what, bool write,
                         uint64_t *value)
{
    struct vs_nested *n = v->nested;
    struct access a = {n, what, write, value};
    struct vs_handling how = {.work = emulate, .ctx = &a};
    if (!t) {
        emulate(&a, NULL);
        return true;
    }
    if (!n->port.access_trap) {
        n->port.shadowed(n->port.ctx, t, what, write, value);
        return true;
    }
    struct vs_trap trap = n->port.access_trap(n->port.ctx, what, write);
    if (!vcpu_trap(v, &trap, &how) && !v->failed) {
        n->port.shadowed(n->port.ctx, t, what, write, value);
    }
    return !v->failed;
}

/* Reads a field as the guest hypervisor's instruction does. */
static bool read_state(void *ctx, struct vs_txn *t, enum vs_state what, uint64_t *value)
{
    return access_state(ctx, t, what, false, value);
}

/* Writes a field as the guest hypervisor's instruction does. */
static bool write_state(void *ctx, struct vs_txn *t, enum vs_state what, uint64_t value)
{
    return access_state(ctx, t, what, true, &value);
}

struct vs_state_port host_nested_state(struct vs_vcpu *v)
{
    return (struct vs_state_port){v, read_state, write_state, NULL, false};
}

/* An instruction of L1 that exits, while L0 carries it out. */
struct executed {
    struct vs_nested *n;
    const struct vs_trap *trap;
};

/* Does what the guest hypervisor's instruction does. */
static void carry_out(void *ctx, struct vs_txn *t)
{
    const struct executed *e = ctx;
    e->n->port.carry_out(e->n->port.ctx, t, e->trap);
}

void host_nested_execute(struct vs_vcpu *v, const struct vs_nested_step *step)
{
    struct vs_nested *n = v->nested;
    struct executed e = {n, &step->trap};
    struct vs_handling how = {.work = carry_out, .ctx = &e, .fast = step->quick};
    bool held;
    if (vcpu_trap(v, &step->trap, &how) || v->failed) {
        return;
    }
    if (n->port.executes) {
        n->port.executes(n->port.ctx, &v->txn, &step->trap);
    } else {
        (void)v->world.execute(v->world.ctx, &v->txn, step->trap.x86, &held);
    }
}

/* What L1 executes behind an exit of its guest, or before its entry; false: the run has failed. */
static bool execute(struct vs_vcpu *v, bool entry)
{
    struct vs_nested *n = v->nested;
    struct vs_nested_step step;
    if (n->port.moves) {
        vs_open(&v->txn, VS_OP_NESTED_SWITCH);
    }
    if (n->port.moves && !entry) {
        n->port.moves(n->port.ctx, &v->txn, false);
    }
    for (unsigned i = 0;
         n->port.around && !v->failed && n->port.around(n->port.ctx, entry, i, &step); i++) {
        host_nested_execute(v, &step);
    }
    if (n->port.moves && !v->failed) {
        if (entry) {
            n->port.moves(n->port.ctx, &v->txn, true);
        }
        vs_close(&v->txn);
    }
    return !v->failed;
}

/* Of the exit for L1's entry: from now on it is L2 that is entered. */
static void to_guest(void *ctx, struct vs_txn *t)
{
    struct vs_nested *n = ctx;
    (void)t;
    n->runs = false;
}

/* L0 walks L1's tables for the page: FNAME(walk_addr_generic), an entry of each level. */
static void walk(void *ctx, struct vs_txn *t)
{
    struct vs_vcpu *v = ctx;
    const struct vs_vm *vm = &v->nested->memory->ept12;
    const struct vs_radix_format *f = &vm->format;
    uint64_t table = vm->ept_root;
    for (unsigned level = f->levels; level; level--) {
        vs_hpa at = {table + vs_radix_offset(f, level, v->nested->walked)};
        uint64_t entry = vs_phys_read64(vm->phys, at);
        host_touch(v, t, at.v, VS_REF_READ);
        if (!(entry & f->present) || vs_radix_is_leaf(f, level, entry)) {
            return;
        }
        table = entry & f->address;
    }
}

/* An exit of the second dimension is L1's where its own tables, EPT12, have no page there. */
static bool lacks(const struct vs_nested *n, const struct vs_exit *exit)
{
    uint64_t of_l1;
    return !vs_vm_locate(&n->memory->ept12, exit->gpa.v, &of_l1);
}

/* L0's part of handing the exit on, up to L1's first instruction. */
static bool enter_hypervisor(struct vs_vcpu *v, const struct vs_hv_exit *what)
{
    struct vs_hv_exit own = *what;
    own.work = own.trap->kind == VS_TRAP_STAGE2_FAULT ? walk : NULL; /* its own is L1's */
    own.ctx = v;
    own.user = own.fast = false;
    own.inject = 0;
    own.nmi = own.more_nmis = own.virtual_nmi = false; /* L2's, which L1 hands on */
    (void)vs_hv_handle(&v->hv, &v->txn, VS_TRAP_NESTED_EXIT, &own);
    v->nested->runs = true;
    return vcpu_enter(v);
}

/* What L1 has its processor's timer count down, or its own local APIC's: vmx_update_hv_timer;
 * start_sw_tscdeadline, by a WRMSR that may leave it. */
static void set_timer(struct vs_vcpu *v)
{
    struct vs_nested *n = v->nested;
    if (n->port.guest_timer) {
        return;
    }
    if (vcpu_timer_preempts(v)) {
        vcpu_timer_load(v, &n->hv, v->timer_armed, &n->timer_holds);
    } else if (v->timer_armed ? n->own_timer_ps != v->timer_ps : n->own_timer) {
        host_nested_deadline(v, v->timer_armed);
    }
}

void host_nested_enter(struct vs_vcpu *v)
{
    struct vs_nested *n = v->nested;
    struct vs_trap entry = n->port.entry_trap(n->port.ctx);
    struct vs_handling how = {.work = to_guest, .ctx = n};
    set_timer(v);
    if (!v->failed && execute(v, true)) {
        (void)vcpu_trap(v, &entry, &how);
    }
}

/* Behind an exit for an interrupt that is still pending, L1 lets interrupts in: the window that L0
 * has asked for opens, and the next entry carries it (svm_enable_irq_window). */
static bool let_in(struct vs_vcpu *v, uint8_t vector)
{
    static const struct vs_trap window = {.kind = VS_TRAP_INTERRUPT_WINDOW};
    struct vs_handling how = {.inject = vector};
    v->world.mask(v->world.ctx, false);
    v->world.unshadow(v->world.ctx);
    if (!vcpu_trap(v, &window, &how)) {
        vcpu_fail(v, "an interrupt window of a guest hypervisor does not exit");
    }
    return !v->failed;
}

/* The interrupt that L1 has: what has stopped its guest, or what L0 has found posted for L1. */
static uint8_t vector_of(const struct vs_vcpu *v, const struct vs_hv_exit *what)
{
    const struct vs_irq_numbers *n = vcpu_numbers(v);
    uint8_t vector = (uint8_t)what->trap->number;
    bool posted = n->notification && vector == n->notification;
    return vcpu_nested_device(v, what->inject) ? what->inject : posted ? n->kick : vector;
}

bool host_nested_hand(struct vs_vcpu *v, enum vs_trap_kind kind, struct vs_hv_exit *what)
{
    struct vs_nested *n = v->nested;
    uint8_t vector = vector_of(v, what);
    if (what->handed) {
        vcpu_sync_posted(v);
        n->port.becomes(n->port.ctx, kind, vector);
    }
    if (!enter_hypervisor(v, what)) {
        return false;
    }
    bool interrupt = what->handed == VS_TRAP_INTERRUPT;
    what->nested = what->woken = false;
    what->handed = 0;
    if (!execute(v, false) || (interrupt && n->port.keeps_pending && !let_in(v, vector))) {
        return false;
    }
    enum vs_hv_result r = vs_hv_handle(&n->hv, &v->txn, kind, what);
    if (interrupt) {
        vcpu_irq_end_exit(v); /* L1's handler ends its own */
    }
    if (what->nmi && !v->failed && r <= VS_HV_HALT) {
        vcpu_nmi_handed(v);
    }
    if (v->failed) {
        return false;
    }
    if (r == VS_HV_NOTHING) {
        vcpu_refuse(v,
                    "%s: a guest hypervisor that has no program for it is not simulated: "
                    "hypervisor.nesting = 0",
                    vs_trap_name(kind));
    } else if (r == VS_HV_HALT || v->off) {
        host_nested_halts(v);
    } else {
        host_nested_enter(v);
    }
    return !v->failed;
}

bool host_nested_exit(struct vs_vcpu *v, const struct vs_exit *exit, struct vs_hv_exit *what)
{
    struct vs_nested *n = v->nested;
    bool second = exit->trap == VS_TRAP_STAGE2_FAULT || exit->trap == VS_TRAP_MMIO;
    if (second) {
        n->walked = exit->gpa.v;
    }
    if (!what->handed && n->port.queues && n->port.queues(n->port.ctx, exit)) {
        what->handed = (uint8_t)exit->trap;
    }
    if (what->handed) {
        (void)host_nested_hand(v, (enum vs_trap_kind)what->handed, what);
        return true;
    }
    if (second ? !lacks(n, exit) : !n->port.wants(n->port.ctx, NULL, what->trap, exit)) {
        what->fast = what->fast && second; /* KVM's fast paths are none of a guest's guest */
        if (second && !what->work) {
            what->work = walk;
            what->ctx = v;
        }
        return what->inject ? vcpu_nested_lacks(v, "interrupts that its hypervisor does not see")
                            : false;
    }
    (void)host_nested_hand(v, exit->trap, what);
    return true;
}
