/* SPDX-License-Identifier: MIT */
/*
 * The way out and the way in, step by step. Every step charges its own account; what a step moves
 * is counted field by field under the controls in force, so a control that saves or loads one more
 * register makes the transition longer by exactly that register.
 */
#include "vmcs/vmcs_impl.h"

/* MSR index of a list entry the hardware refuses (SDM 3C 26.4, 27.4, 27.6): the x2APIC's MSRs in
 * use; to store IA32_SMBASE, which is read in SMM only and written by nobody; to load the FS and GS
 * bases, which come from the VMCS, and IA32_SMM_MONITOR_CTL. */
static bool refused(uint32_t index, bool store)
{
    bool not_loaded = index == 0xc0000100 || index == 0xc0000101 || index == 0x9b;
    return index >> 8 == 8 || index == 0x9e || (not_loaded && !store);
}

/* 16 bytes an entry: index in bits 31:0 (63:32 reserved), then the value. Returns the number of the
 * first entry that failed, counted from 1, or 0. */
static uint64_t msr_list(struct vs_vmx *x, struct vs_txn *t, uint64_t at, uint64_t n, bool store,
                         unsigned account)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t head = at + 16 * i, body = head + 8;
        uint64_t index = vs__vmx_word(x, t, head);
        if (index >> 32 || refused((uint32_t)index, store)) {
            return i + 1;
        }
        vs_vmx_charge(x, t, account, 1, store ? x->config.msr_store : x->config.msr_load);
        x->count[VS_CNT_vmcs_msr_entries]++;
        if (store) {
            vs__vmx_put_word(x, t, body, vs_vmx_msr(x, (uint32_t)index));
        } else if (vs_vmx_msr_set(x, (uint32_t)index, vs__vmx_word(x, t, body)) != VS_OK) {
            return i + 1;
        }
    }
    return 0;
}

/* Without VPID both sides live under tag 0, so each transition drops what is cached there. */
static void tlb_effect(struct vs_vmx *x, struct vs_txn *t, unsigned account)
{
    if (vs_vmx_proc2(x) & VS_PROC2_VPID) {
        return;
    }
    x->count[VS_CNT_vmcs_flushes]++;
    vs_vmx_charge(x, t, account, 1, x->config.tlb_flush);
    if (t && x->wire.tlb.flush) {
        x->wire.tlb.flush(x->wire.tlb.ctx, t, VS_FLUSH_VPID, 0, 0, 0, (vs_gva){0});
    }
}

/* Ends in a VMX abort, and leaves its indicator in the VMCS. */
static enum vs_vmx_result abort_vmx(struct vs_vmx *x, uint32_t indicator)
{
    vs_hpa at = {x->current};
    uint64_t head = vs_phys_read64(x->wire.phys, at);
    vs_phys_write64(x->wire.phys, at, (head & 0xffffffff) | (uint64_t)indicator << 32);
    x->aborted = true;
    x->in_guest = false;
    return VS_VMX_ABORT;
}

/* The second half of every exit, and of an entry that failed late. */
static enum vs_vmx_result load_host(struct vs_vmx *x, struct vs_txn *t)
{
    const struct vs_vmcs_config *c = &x->config;
    x->count[VS_CNT_vmcs_fields_loaded] += vs__vmx_move(x, t, VS_VMX_LOAD_HOST);
    x->in_guest = false;
    tlb_effect(x, t, VS_ACC_vmcs_exit_tlb);
    uint64_t n = VS_GET(x, EXIT_MSR_LOAD_COUNT);
    if (n &&
        msr_list(x, t, VS_GET(x, EXIT_MSR_LOAD_ADDRESS), n, false, VS_ACC_vmcs_exit_msr_load)) {
        return abort_vmx(x, VS_ABORT_LOAD_MSR);
    }
    vs_vmx_charge(x, t, VS_ACC_vmcs_exit_resume, 1, c->exit_resume);
    return VS_VMX_OK;
}

/* Fields whose value the exit leaves undefined are not written and cost nothing. */
static void record(struct vs_vmx *x, struct vs_txn *t, const struct vs_vmx_exit_info *i)
{
    uint64_t n = 3;
    VS_PUT(x, EXIT_REASON, i->reason);
    VS_PUT(x, EXIT_INTERRUPTION_INFO, i->interruption);
    VS_PUT(x, IDT_VECTORING_INFO, i->vectoring);
    VS_PUT(x, EXIT_QUALIFICATION, i->has_qualification ? i->qualification : 0);
    n++;
    if (i->length) {
        VS_PUT(x, EXIT_INSTRUCTION_LENGTH, i->length);
        n++;
    }
    if (i->interruption & VS_INTR_ERROR_CODE) {
        VS_PUT(x, EXIT_INTERRUPTION_ERROR, i->interruption_error);
        n++;
    }
    if (i->vectoring & VS_INTR_VALID && i->vectoring & VS_INTR_ERROR_CODE) {
        VS_PUT(x, IDT_VECTORING_ERROR, i->vectoring_error);
        n++;
    }
    if (i->has_linear) {
        VS_PUT(x, GUEST_LINEAR_ADDRESS, i->guest_linear);
        n++;
    }
    if (i->has_physical) {
        VS_PUT(x, GUEST_PHYSICAL_ADDRESS, i->guest_physical);
        n++;
    }
    if (i->has_information) {
        VS_PUT(x, EXIT_INSTRUCTION_INFO, i->information);
        n++;
    }
    /* The event that the last entry injected must not come again by itself. */
    VS_PUT(x, ENTRY_INTERRUPTION_INFO,
           VS_GET(x, ENTRY_INTERRUPTION_INFO) & ~(uint64_t)VS_INTR_VALID);
    x->count[VS_CNT_vmcs_fields_recorded] += n;
    vs_vmx_charge(x, t, VS_ACC_vmcs_exit_record, n, x->config.field_record);
}

/* The VMX-preemption timer counts from the end of the entry (27.7.4). */
static void start_timer(struct vs_vmx *x, struct vs_txn *t)
{
    if (t && VS_GET(x, PIN_CONTROLS) & VS_PIN_PREEMPTION_TIMER) {
        x->timer_ps = vs_now(t).v;
    }
}

/* How often it has counted by then: once each time that the bit of the TSC changes which
 * IA32_VMX_MISC names, whenever in between the entry was (26.5.1). */
static uint64_t counts(const struct vs_vmx *x, uint64_t ps)
{
    return ps / (x->wire.clock.period_ps << (x->config.cap_misc & 31u));
}

vs_ps vs_vmx_timer_stops(const struct vs_vmx *x)
{
    uint64_t left = VS_LIVE(x, GUEST_PREEMPTION_TIMER),
             tick = x->wire.clock.period_ps << (x->config.cap_misc & 31u);
    bool on = VS_GET(x, PIN_CONTROLS) & VS_PIN_PREEMPTION_TIMER;
    return (vs_ps){!on     ? UINT64_MAX
                   : !left ? x->timer_ps /* before the first instruction */
                           : (counts(x, x->timer_ps) + left) * tick};
}

/* What it has counted down to at an exit, which is 0 where it is the timer's own (28.3.4). */
static void stop_timer(struct vs_vmx *x, struct vs_txn *t, uint32_t reason)
{
    if (!(VS_GET(x, PIN_CONTROLS) & VS_PIN_PREEMPTION_TIMER)) {
        return;
    }
    uint64_t ticks = t ? counts(x, vs_now(t).v) - counts(x, x->timer_ps) : 0,
             left = VS_LIVE(x, GUEST_PREEMPTION_TIMER);
    left = reason == VS_EXIT_PREEMPTION_TIMER || ticks > left ? 0 : left - ticks;
    VS_LIVE(x, GUEST_PREEMPTION_TIMER) = left;
}

enum vs_vmx_result vs_vmx_exit(struct vs_vmx *x, struct vs_txn *t,
                               const struct vs_vmx_exit_info *info)
{
    const struct vs_vmcs_config *c = &x->config;
    if (!x->in_guest) {
        return VS_VMX_UD;
    }
    if (t) {
        vs_txn_actor(t, x->wire.host_actor);
    }
    x->count[VS_CNT_vmcs_exits]++;
    stop_timer(x, t, info->reason);
    vs_vmx_charge(x, t, VS_ACC_vmcs_unexplained, 1, c->unexplained);
    record(x, t, info);
    if (info->reason == VS_EXIT_EXTERNAL_INTERRUPT && info->interruption & VS_INTR_VALID) {
        vs_vmx_charge(x, t, VS_ACC_vmcs_exit_acknowledge, 1, c->exit_acknowledge);
    }
    x->count[VS_CNT_vmcs_fields_saved] += vs__vmx_move(x, t, VS_VMX_SAVE_GUEST);
    uint64_t n = VS_GET(x, EXIT_MSR_STORE_COUNT);
    if (n &&
        msr_list(x, t, VS_GET(x, EXIT_MSR_STORE_ADDRESS), n, true, VS_ACC_vmcs_exit_msr_store)) {
        return abort_vmx(x, VS_ABORT_SAVE_MSR);
    }
    return load_host(x, t);
}

/* Fails an entry before it begins, with its error number. */
static enum vs_vmx_result fail_entry(struct vs_vmx *x, struct vs_txn *t, uint32_t error)
{
    x->count[VS_CNT_vmcs_entry_failures]++;
    vs_vmx_charge(x, t, VS_ACC_vmcs_entry_fail, 1, x->config.entry_fail);
    return vs__vmx_fail(x, error);
}

/* A failure during or after loading guest state is an exit without anything saved. */
static enum vs_vmx_result fail_late(struct vs_vmx *x, struct vs_txn *t, uint32_t reason,
                                    uint64_t qualification)
{
    x->count[VS_CNT_vmcs_entry_failures]++;
    VS_PUT(x, EXIT_REASON, reason | VS_EXIT_ENTRY_FAILURE);
    VS_PUT(x, EXIT_QUALIFICATION, qualification);
    x->count[VS_CNT_vmcs_fields_recorded] += 2;
    vs_vmx_charge(x, t, VS_ACC_vmcs_exit_record, 2, x->config.field_record);
    enum vs_vmx_result r = load_host(x, t);
    return r == VS_VMX_OK ? VS_VMX_ENTRY_FAILED : r;
}

/* Counts and charges checks of an entry. */
static void pay_checks(struct vs_vmx *x, struct vs_txn *t, unsigned account, uint64_t n)
{
    x->count[VS_CNT_vmcs_checks] += n;
    vs_vmx_charge(x, t, account, n, x->config.check_cost);
}

/* Checks hold or the entry ends here (*done). A VMCS that nobody wrote to since its last entry
 * needs no second look; whether the processor still pays for one is a knob. */
static enum vs_vmx_result check_all(struct vs_vmx *x, struct vs_txn *t, uint64_t state, bool *done)
{
    bool pay = !x->config.skip_clean_checks || state & VS_DIRTY;
    *done = false;
    x->count[VS_CNT_vmcs_entries_checked] += pay;
    if (!vs__vmx_threshold_holds(x) || (state & VS_WRITTEN && !vs__vmx_checks_hold(x))) {
        struct vs_vmx_verdict controls = vs__vmx_check_controls(x), host = {0, 0, NULL},
                              guest = {0, 0, NULL};
        x->checks_controls = controls.made;
        x->checks_host = x->checks_guest = 0;
        if (!controls.failed) {
            host = vs__vmx_check_host(x);
            x->checks_host = host.made;
        }
        if (!controls.failed && !host.failed) {
            guest = vs__vmx_check_guest(x);
            x->checks_guest = guest.made;
        }
        if (controls.failed || host.failed || guest.failed) {
            *done = true; /* whatever was wrong was written, so it is looked at and paid */
            pay_checks(x, t, VS_ACC_vmcs_entry_check_controls, x->checks_controls);
            pay_checks(x, t, VS_ACC_vmcs_entry_check_host, x->checks_host);
            pay_checks(x, t, VS_ACC_vmcs_entry_check_guest, x->checks_guest);
            if (guest.failed) {
                return fail_late(x, t, VS_EXIT_INVALID_GUEST_STATE, guest.qualification);
            }
            return fail_entry(x, t,
                              controls.failed ? VS_VMXERR_ENTRY_CONTROLS : VS_VMXERR_ENTRY_HOST);
        }
        vs__vmx_checks_passed(x);
    }
    if (pay) {
        pay_checks(x, t, VS_ACC_vmcs_entry_check_controls, x->checks_controls);
        pay_checks(x, t, VS_ACC_vmcs_entry_check_host, x->checks_host);
        pay_checks(x, t, VS_ACC_vmcs_entry_check_guest, x->checks_guest);
    }
    return VS_VMX_OK;
}

/* A vectored event wakes a halted guest and ends what STI or MOV SS hold back; an NMI blocks others
 * (27.6.1). A monitor trap (type 7) is none: it is an exit of the next boundary, in whatever
 * activity. Delivery is priced without the IDT's memory. */
static void inject(struct vs_vmx *x, struct vs_txn *t)
{
    uint32_t info = (uint32_t)VS_GET(x, ENTRY_INTERRUPTION_INFO);
    x->injected = info & VS_INTR_VALID ? info : 0;
    if (!x->injected) {
        return;
    }
    x->count[VS_CNT_vmcs_injections]++;
    if (VS_INTR_TYPE(info) != VS_INTR_OTHER) {
        VS_LIVE(x, GUEST_ACTIVITY) = VS_ACTIVITY_ACTIVE;
        VS_LIVE(x, GUEST_INTERRUPTIBILITY) &= ~(uint64_t)(VS_BLOCKED_STI | VS_BLOCKED_MOV_SS);
    }
    if (VS_INTR_TYPE(info) == VS_INTR_NMI) {
        VS_LIVE(x, GUEST_INTERRUPTIBILITY) |= VS_BLOCKED_NMI;
    }
    vs_vmx_charge(x, t, VS_ACC_vmcs_entry_inject, 1, x->config.entry_inject);
}

enum vs_vmx_result vs_vmx_enter(struct vs_vmx *x, struct vs_txn *t, enum vs_vmx_entry how)
{
    if (!x->on || x->in_guest || x->aborted) {
        return VS_VMX_UD;
    }
    if (x->current != VS_VMX_NO_VMCS && vs__vmx_is_shadow(x, x->current)) {
        x->count[VS_CNT_vmcs_entry_failures]++;
        x->count[VS_CNT_vmcs_vmfails]++;
        return VS_VMX_FAIL_INVALID; /* whatever it holds, it is no VMCS to run (VMLAUNCH) */
    }
    if (x->current == VS_VMX_NO_VMCS) {
        return fail_entry(x, t, 0);
    }
    if (x->mov_ss) {
        return fail_entry(x, t, VS_VMXERR_ENTRY_MOV_SS);
    }
    uint64_t state = vs_vmx_state(x, x->current);
    bool launched = (state & VS_LAUNCHED) != 0;
    if (launched != (how == VS_VMX_RESUME)) {
        return fail_entry(
            x, t, launched ? VS_VMXERR_VMLAUNCH_NOT_CLEAR : VS_VMXERR_VMRESUME_NOT_LAUNCHED);
    }
    bool done;
    enum vs_vmx_result r = check_all(x, t, state, &done);
    if (done) {
        return r;
    }
    x->pause_last = 0; /* the first PAUSE behind an entry begins a loop (SDM 3C 26.1.3) */
    x->in_guest = true;
    x->count[VS_CNT_vmcs_fields_loaded] += vs__vmx_move(x, t, VS_VMX_LOAD_GUEST);
    uint64_t n = VS_GET(x, ENTRY_MSR_LOAD_COUNT),
             bad = n ? msr_list(x, t, VS_GET(x, ENTRY_MSR_LOAD_ADDRESS), n, false,
                                VS_ACC_vmcs_entry_msr_load)
                     : 0;
    if (bad) {
        return fail_late(x, t, VS_EXIT_MSR_LOADING, bad);
    }
    vs_vmx_set_state(x, x->current, VS_LAUNCHED);
    tlb_effect(x, t, VS_ACC_vmcs_entry_tlb);
    inject(x, t);
    vs_vmx_charge(x, t, VS_ACC_vmcs_entry_fetch, 1, x->config.entry_fetch);
    start_timer(x, t);
    x->count[VS_CNT_vmcs_entries]++;
    if (t) {
        vs_txn_actor(t, x->wire.guest_actor);
    }
    return VS_VMX_OK;
}
