/* SPDX-License-Identifier: MIT */
/*
 * The life of an exit: the architecture decides, the core changes worlds, the handler runs, the
 * guest is entered again.
 */
#include "nested.h"
#include "sched.h"

#define PAGE_FAULT 14u
#define PF_WRITE 2u
#define PF_RESERVED 9u /* present and reserved bit set: how KVM marks device pages */

/* Accesses of the core are translated as in this context, and counted as the host's or not. */
static void translates(const struct vs_vcpu *v, bool counts, const struct vs_ept_context *context)
{
    vs_cpu_world(&v->hw->cpu, counts);
    vs_ept_world(&v->hw->ept, counts);
    vs_ept_context(&v->hw->ept, context);
}

/* Charges are booked under this actor, and what memory counts is the host's or not. */
static void books(struct vs_vcpu *v, bool counts, uint16_t actor)
{
    vs_txn_actor(&v->txn, actor);
    vs_memory_core_world(&v->hw->core, counts);
}

void vcpu_world(struct vs_vcpu *v, bool host)
{
    const struct vs_nested *n = !host && v->nested && v->nested->runs ? v->nested : NULL;
    bool counts = host || n; /* a guest hypervisor's are counted with the host's */
    books(v, counts, host ? v->host : n ? n->actor : v->guest);
    translates(v, counts, host ? &v->hw->host_context : n ? &n->context : &v->guest_context);
}

/* The processor says why it can neither leave nor enter. */
static void cannot(struct vs_vcpu *v)
{
    char why[160] = "";
    v->world.why(v->world.ctx, why, sizeof why);
    vcpu_fail(v, "%s", why);
}

bool vcpu_enter(struct vs_vcpu *v)
{
    vcpu_about(v, VS_ABOUT_ENTRY);
    if (v->n_shots || v->all_shots || v->flush_due) {
        v->p->host.before_entry(v);
    }
    vcpu_timer_enter(v);
    if (vcpu_listed(v)) {
        v->fresh = false; /* the host knows of all that has come */
        v->irq.load(v->irq.ctx, &v->txn);
    }
    if (!v->world.enter(v->world.ctx, &v->txn)) {
        cannot(v);
        return false;
    }
    vcpu_timer_entered(v);
    vcpu_world(v, false);
    vcpu_about(v, v->trail ? v->trail->base : VS_ABOUT_PROGRAM);
    return true;
}

/* What the exit says, where it is one of those that are kept. */
static void note(struct vs_vcpu *v, const struct vs_exit *exit)
{
    struct vs_note says[VS_NOTES];
    if (vs_txn_sampled(&v->txn)) {
        vs_txn_note(&v->txn, says, v->world.says(v->world.ctx, exit, says));
    }
}

/* What the exit of a trap may do before its guest is entered again. */
enum patience {
    AT_ONCE, /* nothing: whoever asked goes on when it is over */
    MAY_WAIT /* its handler may end with a wait */
};

/* The exit stays open: the guest halts or is stopped by an INIT, others are to leave their guests,
 * or another thread has the processor. */
static bool waits(struct vs_vcpu *v, const struct vs_trap *trap, enum vs_hv_result r)
{
    bool preempted = v->hw->preempts;
    if (r == VS_HV_HALT || v->off) {
        vcpu_wait(v, VS_FOR_EVENT, true);
        return true;
    }
    if (trap->kind == VS_TRAP_HYPERCALL ? v->awaited != 0 : preempted) {
        vcpu_wait(v, preempted ? VS_FOR_PROCESSOR : VS_FOR_LEAVING, true);
        return true;
    }
    return false;
}

/* The handler has not come to its end: the run has failed. */
static __attribute__((noinline)) bool breaks_off(struct vs_vcpu *v, const struct vs_trap *trap,
                                                 enum vs_hv_result r)
{
    if (r == VS_HV_NOTHING) {
        const struct vs_program_set *set = v->hv.software.set;
        vcpu_refuse(
            v, "%s has no program for the trap %s, which occurs: program.%s or program.default",
            set->desc->file, vs_trap_name(trap->kind), vs_trap_name(trap->kind));
        return false;
    }
    if (trap->kind == VS_TRAP_NESTED_ENTRY) {
        char why[240] = "";
        v->nested->port.why(v->nested->port.ctx, why, sizeof why);
        vcpu_fail(v, "%s", why);
        return false;
    }
    vcpu_fail(v, "%s: host memory is exhausted (host.memory)",
              vs_op_name(vs_trap_handler(trap->kind)));
    return false;
}

/* The handler has ended so, and was given an NMI to hand on or not: the guest is entered, or the
 * exit stays open while it waits. */
static bool end_exit(struct vs_vcpu *v, const struct vs_trap *trap, bool nmi, enum vs_hv_result r,
                     enum patience patience)
{
    if (vs_unlikely(r > VS_HV_HALT)) {
        return breaks_off(v, trap, r);
    }
    if (nmi) {
        vcpu_nmi_handed(v);
    }
    if (v->hv.been_in_user) { /* vcpu_put and vcpu_load around the way to user space */
        vcpu_running(v, false);
        vcpu_running(v, true);
    }
    if (patience == MAY_WAIT && waits(v, trap, r)) {
        return true;
    }
    if (!vcpu_enter(v)) {
        return false;
    }
    vs_close(&v->txn);
    return true;
}

/* Between two steps of a handler: the host's scheduler interrupts it if it wants to, and takes its
 * processor away if the slice is over. Then the vCPU's step pauses, wherever the guest's kernel was
 * when it left, and goes on when the vCPU has its processor again. The scheduler's own exit gives
 * the processor up at its end. */
static bool preempted(void *vcpu, struct vs_txn *t)
{
    struct vs_vcpu *v = vcpu;
    struct vs_hwthread *hw = v->hw;
    uint64_t now = vs_now(t).v;
    if (hw->event_ps > now || hw->preempts) {
        return false;
    }
    vs_hv_host_interrupt(&v->hv, t);
    now = vs_now(t).v;
    sched_wake(hw, now);
    if (sched_over(hw, now)) {
        v->thread.count[VS_CNT_sched_in_path]++;
        vcpu_wait(v, VS_FOR_PROCESSOR, true);
        vcpu_space_put(v);
        vs_fiber_pause(v->fiber);
        vcpu_space_take(v);
        (void)vs_thread_pop(&v->thread);
        vcpu_about(v, VS_ABOUT_EXIT);
        vcpu_yield(v); /* the step ends with this piece: its horizon is one of long ago */
    }
    return false;
}

/* The event that this write signals, as ioeventfd_in_range looks for it; NULL: none. */
static const struct vs_eventfd *event_of(const struct vs_platform *p, const struct vs_trap *trap)
{
    bool port = trap->kind == VS_TRAP_PIO;
    uint64_t at = port ? trap->number : trap->device;
    for (unsigned i = 0; i < p->n_eventfds; i++) {
        const struct vs_eventfd *e = &p->eventfd[i];
        if (e->port == port && e->at == at && (e->any || e->value == trap->value)) {
            return e;
        }
    }
    return NULL;
}

/* The guest is left, handled and entered; where the handler waits, and may, the exit stays open. */
static bool handle_exit(struct vs_vcpu *v, const struct vs_trap *trap, const struct vs_exit *exit,
                        const struct vs_handling *how, enum patience patience)
{
    static const struct vs_handling nothing;
    vcpu_about(v, VS_ABOUT_EXIT);
    books(v, true, v->host); /* what the switch stores is the host's, as its time is */
    vs_open(&v->txn, exit->op);
    v->debug_loaded = false; /* vmx_sync_dirty_debug_regs */
    if (!v->world.leave(v->world.ctx, &v->txn, exit)) {
        cannot(v);
        return false;
    }
    note(v, exit);
    translates(v, true, &v->hw->host_context);
    if (vcpu_listed(v)) {
        v->irq.save(v->irq.ctx, &v->txn);
    }
    how = how ? how : &nothing;
    struct vs_log_reading log = {v, how->log_full};
    bool port = trap->kind == VS_TRAP_PIO, nmi = v->nmis && vcpu_nmi_offered(v, how);
    nmi = nmi && exit->trap != VS_TRAP_HALT && /* who halts is given it when it wakes */
          !(v->nested && v->nested->runs);     /* a guest's guest's is no guest hypervisor's */
    const struct vs_eventfd *event = trap->write ? event_of(v->p, trap) : NULL;
    struct vs_hv_exit what = {
        .guest_physical = exit->gpa.v,
        .port = port,
        .io = port ? trap->number : trap->device,
        .inject = how->inject,
        .more = how->more,
        .nmi = nmi,
        .more_nmis = v->nmis > 1u,
        .virtual_nmi = nmi && vcpu_nmi_virtual(v),
        .virtual_delivery = v->p->vid,
        .device = how->device,
        .fast = how->fast || (event && event->wildcard && v->p->ept.vendor == VS_VENDOR_INTEL),
        .eventfd = how->eventfd || event,
        .undecoded = exit->undecoded,
        .user = how->ask,
        .log = v->p->pml ? v->p->host.read_log : NULL,
        .log_ctx = &log,
        .work = how->work,
        .ctx = how->ctx,
        .nested = v->nested && !v->nested->runs,
        .handed = how->handed,
        .trap = trap,
        .exit = exit,
        .stop = {v->fiber && !v->nested ? preempted : NULL, v}};
    if (what.nested) {
        if (v->p->host.nested_exit(v, exit, &what)) {
            if (!vs_thread_waits_for(&v->thread, VS_FOR_NESTED)) {
                vs_close(&v->txn);
            }
            return !v->failed;
        }
        what.nmi = nmi = false; /* it waits for an exit of its hypervisor's */
    }
    return end_exit(v, trap, nmi, vs_hv_handle(&v->hv, &v->txn, exit->trap, &what), patience);
}

/* The instruction behind STI leaves the guest: the same with what its emulation lets in. */
static __attribute__((noinline)) const struct vs_handling *in_shadow(const struct vs_vcpu *v,
                                                                     const struct vs_trap *trap,
                                                                     const struct vs_handling *how,
                                                                     struct vs_handling *with)
{
    *with = how ? *how : (struct vs_handling){0};
    with->inject = with->inject ? with->inject : vcpu_irq_behind(v, trap);
    return with;
}

/* The guest did something: does it leave, and what handles it? */
static bool leave_for(struct vs_vcpu *v, const struct vs_trap *trap, const struct vs_handling *how,
                      enum patience patience)
{
    struct vs_exit exit;
    vs_txn_settle(&v->txn);
    struct vs_host_work w = {0};
    struct vs_handling own, with;
    if (!how) {
        w = (struct vs_host_work){.v = v, .trap = trap};
        how = v->p->host.work_of(&w, &own) ? &own : NULL;
    }
    if (!v->world.leaves(v->world.ctx, &v->txn, trap, &exit)) {
        if (w.needed) {
            vcpu_fail(v, "%s does not exit, but %s needs that", w.needed, w.by);
        }
        return false;
    }
    if (vs_unlikely(v->shadowed)) {
        how = in_shadow(v, trap, how, &with);
    }
    handle_exit(v, trap, &exit, how, patience);
    if (vs_unlikely(v->shadowed) && vcpu_hv(v)->injected) {
        vcpu_irq_in_shadow(v);
    }
    return true;
}

bool vcpu_trap(struct vs_vcpu *v, const struct vs_trap *trap, const struct vs_handling *how)
{
    return leave_for(v, trap, how, AT_ONCE);
}

bool vcpu_trap_wait(struct vs_vcpu *v, const struct vs_trap *trap, const struct vs_handling *how)
{
    return leave_for(v, trap, how, MAY_WAIT);
}

void vcpu_release(struct vs_vcpu *v)
{
    if (v->nested ? v->p->host.nested_woken(v) : vcpu_enter(v)) {
        vs_close(&v->txn);
    }
}

/* ---- devices nobody models ---- */

/* Under shadow paging a device's page faults: KVM marks it by a reserved bit. */
static void shadow_mmio(struct vs_vcpu *v, uint64_t at, enum vs_ref ref,
                        const struct vs_handling *asked)
{
    struct vs_trap e = {.kind = VS_TRAP_EXCEPTION,
                        .number = PAGE_FAULT,
                        .has_error = true,
                        .error_code = PF_RESERVED | (ref == VS_REF_WRITE ? PF_WRITE : 0),
                        .gva = {at},
                        .device = at};
    struct vs_handling how = asked ? *asked : (struct vs_handling){.device = true};
    how.device = true;
    vcpu_trap(v, &e, &how);
}

void vcpu_mmio(struct vs_vcpu *v, uint64_t address, uint32_t bytes, enum vs_ref ref,
               const struct vs_handling *how)
{
    struct vs_platform *p = v->p;
    if (!p->virtualized) {
        uint64_t path[VS_RADIX_LEVELS + 1u];
        vs_gva at = {address};
        if (p->recorded && vs_space_path(&v->space, at.v, path) == 1) {
            v->hw->ept.memory_end = UINT64_MAX; /* the access itself is what follows */
            (void)vs_cpu_translate(&v->hw->cpu, at, VS_REF_READ);
            v->hw->ept.memory_end = vs_phys_size(p->phys);
        }
        vs_txn_settle(&v->txn);
        vs_charge(&v->txn, (uint16_t)(p->vcpu_account + VS_ACC_vcpu_mmio),
                  (vs_ps){p->times.mmio * v->hw->clock.period_ps});
        return;
    }
    if (p->shadow) {
        shadow_mmio(v, address, ref, how);
        return;
    }
    /* KVM marks MMIO pages so that the processor reports a misconfiguration; the first access
     * violates */
    uint64_t gpa = v->vm->bytes + (address & 0xfffffffu);
    struct vs_slat_leaf absent;
    (void)vs_slat_find(v->view, gpa, &absent);
    struct vs_trap e = {.kind = VS_TRAP_MMIO,
                        .gpa = {gpa},
                        .gva = {address},
                        .device = address,
                        .size = bytes,
                        .write = ref == VS_REF_WRITE,
                        .fetch = ref == VS_REF_FETCH,
                        .syndrome = vs_ept_device_syndrome(&v->hw->ept, ref, absent.shift)};
    vcpu_trap(v, &e, how);
}
