/* SPDX-License-Identifier: MIT */
/*
 * The life of an exit: the VMCS decides, the core changes worlds, the handler runs, the guest is
 * entered again; and interrupts: what is due at an instruction boundary, halting and waking.
 */
#include "vcpu.h"

#include <string.h>

#define HOST_VECTOR 0xefu /* the host's own tick */
#define KICK_VECTOR                                                                                \
    0xfdu /* Linux's RESCHEDULE_VECTOR, which makes a vCPU's core leave its guest                  \
           */
#define POSTED_VECTOR 0xf2u /* Linux's POSTED_INTR_VECTOR */
/* SDM 3C table 25-9: format of the EPT pointer */
#define EPTP_WRITE_BACK 6u
#define EPTP_FOUR_LEVELS (3u << 3)
#define EPTP_FIVE_LEVELS (4u << 3)
#define EPTP_ACCESSED_DIRTY (1u << 6)

static vs_ps ps(uint64_t v)
{
    vs_ps p = {v};
    return p;
}

static void wait_until(struct vs_vcpu *v, unsigned account, uint64_t at_ps)
{
    vs_txn_settle(&v->txn);
    vs_wait_until(&v->txn, (uint16_t)(v->p->os_account + account), ps(at_ps));
}

static bool entry(struct vs_vcpu *v)
{
    if (v->n_shots || v->all_shots || v->flush_due) {
        vs__shootdown_enter(v);
    }
    vs__timer_enter(v);
    enum vs_vmx_result r = vs__vcpu_resume(v);
    if (r != VS_VMX_OK) {
        uint64_t error = 0;
        vs_vmx_read(&v->vmx, NULL, VS_VMCS_INSTRUCTION_ERROR, &error);
        vs__vcpu_fail(v, "the VM entry failed (result %d, VM-instruction error %llu)", (int)r,
                      (unsigned long long)error);
        return false;
    }
    vs__platform_world(v, false);
    return true;
}

/* The guest is left, handled and entered; *hold is set when it went to sleep inside: the exit stays
 * open. */
static bool handle_exit(struct vs_vcpu *v, const struct vs_vmx_exit_info *info,
                        const struct vs_handling *how, bool *hold)
{
    static const struct vs_handling nothing;
    enum vs_op op = vs_vmx_exit_op(info->reason), handler = vs_hv_handler_op(op);
    if (op == VS_OP_N || handler == VS_OP_N) {
        vs__vcpu_fail(v, "a VM exit for basic reason %u, which this hypervisor has no handler for",
                      info->reason);
        return false;
    }
    vs_txn_settle(&v->txn);
    vs_txn_actor(&v->txn, v->host);
    vs_open(&v->txn, op);
    if (vs__vcpu_leave(v, info) != VS_VMX_OK) {
        vs__vcpu_fail(v, "VMX abort");
        return false;
    }
    vs__platform_world(v, true);
    how = how ? how : &nothing;
    struct vs_log_reading log = {v, how->log_full};
    struct vs_hv_exit what = {.qualification = info->qualification,
                              .guest_physical = info->guest_physical,
                              .inject = how->inject,
                              .more = how->more,
                              .virtual_delivery = v->p->vid,
                              .device = how->device,
                              .fast = how->fast,
                              .user = how->ask,
                              .log = v->p->pml ? vs__dirty_flush : NULL,
                              .log_ctx = &log,
                              .work = how->work,
                              .ctx = how->ctx};
    enum vs_hv_result r = vs_hv_handle(&v->hv, &v->txn, handler, &what);
    if (r == VS_HV_FAIL) {
        vs__vcpu_fail(v, "%s: host memory is exhausted (host.memory)", vs_op_name(handler));
        return false;
    }
    if (hold && (r == VS_HV_HALT || v->awaits)) {
        *hold = true;
        return true; /* the exit stays open while the vCPU sleeps */
    }
    if (!entry(v)) {
        return false;
    }
    vs_close(&v->txn);
    return true;
}

bool vs__vcpu_trap_hold(struct vs_vcpu *v, const struct vs_trap *trap,
                        const struct vs_handling *how, bool *hold)
{
    struct vs_vmx_exit_info info;
    memset(&info, 0, sizeof info);
    vs_txn_settle(&v->txn);
    if (!vs__vcpu_intercepts(v, trap, &info)) {
        return false;
    }
    handle_exit(v, &info, how, hold);
    return true;
}

bool vs__vcpu_trap(struct vs_vcpu *v, const struct vs_trap *trap, const struct vs_handling *how)
{
    return vs__vcpu_trap_hold(v, trap, how, NULL);
}

void vs__vcpu_trap_always(struct vs_vcpu *v, const struct vs_trap *trap,
                          const struct vs_handling *how)
{
    struct vs_vmx_exit_info info;
    memset(&info, 0, sizeof info);
    vs__vcpu_exit_of(trap, &info);
    vs_txn_settle(&v->txn);
    handle_exit(v, &info, how, NULL);
}

void vs__vcpu_release(struct vs_vcpu *v)
{
    if (entry(v)) {
        vs_close(&v->txn);
    }
}

/* ---- interrupts ---- */

/* The guest's handler of one interrupt, with its end of interrupt. */
static void guest_handler(struct vs_vcpu *v, uint8_t vector)
{
    const struct vs_os_config *os = &v->p->os;
    vs_gva code = {VS_HV_CODE + 0x10000u}, data = {VS_HV_DATA + 0x10000u};
    v->count[VS_CNT_os_interrupts]++;
    v->handled++;
    vs_txn_settle(&v->txn);
    vs_charge(&v->txn, (uint16_t)(v->p->os_account + VS_ACC_os_exception),
              ps(os->exception * v->clock.period_ps));
    vs__vcpu_routine(v, os->irq_instructions, code, os->irq_code, data, os->irq_data);
    vs__apic_eoi(v, vector);
    if (vector == VS__SHOOTDOWN_VECTOR) { /* Linux: after the end of interrupt */
        vs__shootdown_serve(v);
    }
}

/* A physical interrupt while the guest runs: the host takes it, and the entry carries `inject`. */
static void external_interrupt(struct vs_vcpu *v, uint8_t vector, uint8_t inject)
{
    struct vs_trap e = {.kind = VS_TRAP_INTERRUPT, .number = vector};
    struct vs_handling how = {.inject = inject};
    vs__vcpu_trap(v, &e, &how);
}

void vs__vcpu_kick(struct vs_vcpu *v, void (*work)(void *ctx, struct vs_txn *t), void *ctx)
{
    struct vs_trap e = {.kind = VS_TRAP_INTERRUPT, .number = KICK_VECTOR};
    struct vs_handling how = {.work = work, .ctx = ctx};
    vs_cpu_interrupt(&v->cpu);
    if (!vs__vcpu_trap(v, &e, &how)) {
        vs__vcpu_fail(v, "the host cannot stop the guest: external interrupts do not exit");
    }
}

static void deliver(struct vs_vcpu *v, uint8_t vector, bool injected)
{
    enum vs_apic_how how = v->p->virtualized && v->p->vid ? VS_APIC_EVALUATE
                           : injected                     ? VS_APIC_INJECTED
                                                          : VS_APIC_ACCEPT;
    vs_txn_settle(&v->txn);
    vs__arrivals_delivered(v, vector);
    vs_open(&v->txn, VS_OP_IRQ);
    vs_apic_deliver(&v->apic, &v->txn, vector, how);
    v->in_interrupt = true;
    guest_handler(v, vector);
    v->in_interrupt = false;
    vs_close(&v->txn);
}

/* Without posting the hypervisor injects: the interrupt's arrival is an exit, and the entry carries
 * it. One that ended a halt was carried by the entry after it. */
static void inject(struct vs_vcpu *v, uint8_t vector)
{
    if (v->entry_vector == vector) {
        v->entry_vector = 0;
    } else if (!vs__vcpu_window(v, vector)) {
        external_interrupt(v, vector, vector);
    }
    if (!v->failed) {
        deliver(v, vector, true);
    }
}

void vs__vcpu_interrupts(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    uint64_t now = vs_cpu_now_ps(&v->cpu);
    vs__timer_fire(v, now);
    vs__arrivals_take(v, now);
    if (v->tick_ps <= now) { /* a core whose vCPU slept had no ticks: the host is tickless */
        uint64_t every = 1000000000000u / p->os.tick_hz;
        v->tick_ps += ((now - v->tick_ps) / every + 1) * every;
        vs_cpu_interrupt(&v->cpu);
        external_interrupt(v, HOST_VECTOR, 0);
    }
    if (v->host_ps <= now) {
        vs__dirty_due(v, now);
    }
    if (v->kick_ps <= now && !v->failed) {
        vs_cpu_interrupt(&v->cpu);
        vs__shootdown_kicked(v);
    }
    if (v->failed || v->in_interrupt) {
        return;
    }
    if (v->notified) {
        struct vs_mem_port mem = vs_memory_walker_port(&v->core);
        v->notified = false;
        vs_txn_settle(&v->txn);
        vs_pi_sync(&v->apic, &v->txn, &mem);
    }
    for (uint8_t vector; !v->failed && (vector = vs_apic_pending(&v->apic)) != VS_APIC_NONE;) {
        if (vs__vcpu_blocked(v, vector)) {
            return;
        }
        vs_cpu_interrupt(&v->cpu);
        if (p->virtualized && !p->posted) {
            inject(v, vector);
        } else {
            deliver(v, vector, false);
        }
    }
}

void vs__vcpu_ipi(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    uint64_t to = v->request.a;
    if (to >= p->n_vcpus) {
        vs__vcpu_fail(v, "an IPI to vCPU %llu; there are %u", (unsigned long long)to, p->n_vcpus);
        return;
    }
    if (v->vm != p->vcpu[to].vm) {
        vs__vcpu_fail(v, "an IPI to vCPU %llu, which is another virtual machine (guest.vms)",
                      (unsigned long long)to);
        return;
    }
    vs__vcpu_send_ipi(v, (unsigned)to, (uint8_t)v->request.b);
}

void vs__vcpu_send_ipi(struct vs_vcpu *v, unsigned to, uint8_t vector)
{
    vs__apic_icr(v, to, vector);
    vs__vcpu_raise(&v->p->vcpu[to], vector, vs_now(&v->txn).v);
    v->yield = true;
}

/* ---- halting ---- */

static bool something_due(const struct vs_vcpu *v)
{
    return vs_apic_pending(&v->apic) != VS_APIC_NONE || v->notified;
}

/* Arm ARM, Wait for Interrupt: a pending one ends WFI whether or not PSTATE.I masks it. */
static bool wakes_masked(const struct vs_vcpu *v)
{
    return vs__vcpu_arm(v);
}

void vs__vcpu_sleep(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    bool hold = false;
    if (v->masked && !wakes_masked(v)) {
        vs__vcpu_fail(v, "it halts with interrupts disabled (cpu:cli, RFLAGS.IF): nothing but an "
                         "NMI would end that");
        return;
    }
    if (something_due(v)) {
        return;
    }
    vs_txn_settle(&v->txn);
    if (p->virtualized) {
        struct vs_trap e = {.kind = VS_TRAP_HALT, .length = 1};
        (void)vs__vcpu_trap_hold(v, &e, NULL, &hold);
    }
    if (v->failed) {
        return;
    }
    v->slept_ps = vs_now(&v->txn).v;
    v->sleeping = true;
}

void vs__vcpu_halt(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    bool waiting = v->request.kind == VS_REQ_WAIT;
    if (waiting && !v->timer_armed) { /* the timer's interrupt has come and been handled */
        v->busy = false;
        return;
    }
    if (p->virtualized && waiting && !v->record) {
        v->record = 1; /* arm the deadline once */
        (void)vs__timer_write(v);
    }
    if (v->failed || (something_due(v) && (!v->masked || wakes_masked(v)))) {
        v->busy = waiting;
        return;
    }
    vs__vcpu_sleep(v);
    v->busy = waiting;
}

uint64_t vs__vcpu_wake_ps(const struct vs_vcpu *v)
{
    uint64_t at = v->timer_armed ? v->timer_ps : VS_NEVER, next = vs__arrivals_next(v);
    at = next < at ? next : at;
    at = v->kick_ps < at ? v->kick_ps : at;
    if (something_due(v)) {
        at = v->slept_ps;
    }
    return at;
}

void vs__vcpu_awake(struct vs_vcpu *v, uint64_t now_ps)
{
    struct vs_platform *p = v->p;
    bool in_exit = v->txn.depth > 1;
    if (v->kick_ps <= now_ps && in_exit) {
        vs__shootdown_outside(v, now_ps);
        return;
    }
    if (v->kick_ps <= now_ps) { /* it sleeps in its guest: an exit, and back to sleep */
        wait_until(v, VS_ACC_os_idle, now_ps);
        vs__shootdown_kicked(v);
        v->slept_ps = vs_now(&v->txn).v;
        return;
    }
    v->sleeping = false;
    wait_until(v, in_exit ? VS_ACC_os_parked : VS_ACC_os_idle, now_ps);
    if (!in_exit) {
        vs_charge(&v->txn, (uint16_t)(p->os_account + VS_ACC_os_halt),
                  ps(p->os.halt * v->clock.period_ps));
        return;
    }
    bool timer = v->timer_armed && v->timer_ps <= now_ps;
    if (timer || !p->posted) { /* a posted one needs no handler */
        vs_hv_host_interrupt(&v->hv, &v->txn);
    }
    vs_hv_wake(&v->hv, &v->txn, ps(v->slept_ps), ps(now_ps));
    vs__timer_expire(v, now_ps);
    vs__arrivals_take(v, now_ps);
    uint8_t vector = vs_apic_pending(&v->apic);
    if (!p->posted && vector != VS_APIC_NONE) {
        v->entry_vector = vs_hv_inject(&v->hv, &v->txn, vector, p->vid) ? vector : 0;
    }
    if (entry(v)) {
        vs_close(&v->txn);
    }
}

/* ---- devices nobody models ---- */

void vs__vcpu_mmio(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    if (!p->virtualized) {
        uint64_t path[VS_RADIX_LEVELS + 1u];
        vs_gva at = {v->request.address};
        if (p->recorded && vs_space_path(&v->space, at.v, path) == 1) {
            v->ept.memory_end = UINT64_MAX; /* the access itself is what follows */
            (void)vs_cpu_translate(&v->cpu, at, VS_REF_READ);
            v->ept.memory_end = vs_phys_size(p->phys);
        }
        vs_txn_settle(&v->txn);
        vs_charge(&v->txn, (uint16_t)(p->os_account + VS_ACC_os_mmio),
                  ps(p->os.mmio * v->clock.period_ps));
        return;
    }
    if (p->shadow) {
        vs__vcpu_shadow_mmio(v, v->request.address);
        return;
    }
    /* KVM marks MMIO pages so that the processor reports a misconfiguration; the first access
     * violates */
    uint64_t gpa = v->vm->bytes + (v->request.address & 0xfffffffu);
    struct vs_trap e = {.kind = VS_TRAP_MMIO, .gpa = {gpa}, .gva = {v->request.address}};
    vs__vcpu_trap(v, &e, NULL);
}

/* The bitmap intercepts every MSR but those KVM passes through (vmx_possible_passthrough_msrs and,
 * with virtual-interrupt delivery, the x2APIC's). Layout: SDM 3C 25.6.9, reads in the first half.
 */
static void intercept_msrs(struct vs_platform *p, vs_hpa bitmap)
{
    static const uint32_t passed[] = {0xc0000100u, 0xc0000101u, 0xc0000102u, 0x174u, 0x175u,
                                      0x176u,      0x10u,       0x48u,       0x49u};
    static const uint32_t x2apic[] = {0x808u, 0x80bu, 0x83fu}; /* TPR, EOI, SELF IPI */
    unsigned char bits[4096];
    memset(bits, 0xff, sizeof bits);
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++) {
        uint32_t index = passed[i] & 0x1fffu, half = passed[i] >> 31 ? 1024u : 0;
        unsigned char keep = (unsigned char)~(1u << (index & 7u));
        bits[half + index / 8u] &= keep;
        bits[2048u + half + index / 8u] &=
            passed[i] == 0x10u ? 0xffu : keep; /* writes of the TSC exit */
    }
    for (size_t i = 0; p->vid && i < sizeof x2apic / sizeof x2apic[0]; i++) {
        bits[x2apic[i] / 8u] &= (unsigned char)~(1u << (x2apic[i] & 7u));
        bits[2048u + x2apic[i] / 8u] &= (unsigned char)~(1u << (x2apic[i] & 7u));
    }
    vs_phys_write(p->phys, bitmap, bits, sizeof bits);
}

enum vs_status vs__vcpu_virtualize(struct vs_vcpu *v, struct vs_errors *errors)
{
    struct vs_platform *p = v->p;
    uint64_t page[12];
    for (unsigned i = 0; i < 12; i++) {
        if (!vs_frames_alloc(p->frames, 12, &page[i])) {
            vs_error(errors, "host.memory is too small for the VMCS of vCPU %u", v->index);
            return VS_E_NOMEM;
        }
    }
    struct vs_vmx_setup s = {
        .vmxon = {page[0]},
        .vmcs = {page[1]},
        .msr_bitmap = {page[2]},
        .io_bitmap_a = {page[3]},
        .io_bitmap_b = {page[4]},
        .virtual_apic = {page[5]},
        .apic_access = {page[6]},
        .posted_descriptor = {page[7]},
        .pml = {page[8]},
        .exit_store = {page[9]},
        .exit_load = {page[10]},
        .entry_load = {page[11]},
        .eptp = v->vm->ept_root | EPTP_WRITE_BACK |
                (p->second_format.levels == 5 ? EPTP_FIVE_LEVELS : EPTP_FOUR_LEVELS) |
                (p->ept.ept_ad ? EPTP_ACCESSED_DIRTY : 0),
        .vpid = v->guest_context.vpid ? v->guest_context.vpid : (uint16_t)(v->index + 1u),
        .exceptions = p->shadow ? 1u << 14 : 0, /* #PF */
        .posted_vector = POSTED_VECTOR,
        .host_cr3 = v->host_space.cr3,
        .host_rip = VS_HV_CODE,
        .host_rsp = VS_HV_DATA + 0x8000u,
        .guest_cr3 = v->guest_context.cr3,
        .guest_rip = 0x10000000000u,
        .guest_rsp = 0x10000001000u};
    if (p->svm && !vs__vcpu_svm_setup(v)) {
        vs_error(errors, "host.memory is too small for the VMCB of vCPU %u", v->index);
        return VS_E_NOMEM;
    }
    intercept_msrs(p, s.msr_bitmap);
    v->ept.pml = (struct vs_ept_pml){p->pml, s.pml.v, VS_EPT_PML_ENTRIES - 1u};
    enum vs_vmx_result r = vs_vmx_setup_default(&v->vmx, &s);
    if (r == VS_VMX_OK) {
        r = vs_vmx_enter(&v->vmx, NULL, VS_VMX_LAUNCH);
    }
    if (r != VS_VMX_OK) {
        uint64_t error = 0;
        vs_vmx_read(&v->vmx, NULL, VS_VMCS_INSTRUCTION_ERROR, &error);
        vs_error(errors,
                 "vCPU %u: the first VM entry is refused (result %d, VM-instruction error %llu): "
                 "vmcs.control.* and vmcs.cap.* do not fit",
                 v->index, (int)r, (unsigned long long)error);
        return VS_E_CONFIG;
    }
    vs_hpa pi = {page[7]};
    vs_apic_init(&v->apic, &p->irq, p->ledger, v->clock, p->phys, pi, POSTED_VECTOR);
    return VS_OK;
}
