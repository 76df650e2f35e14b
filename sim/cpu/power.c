/* SPDX-License-Identifier: MIT */
/*
 * Arm's Power State Coordination Interface (DEN 0022): a kernel turns processors on and off, and
 * suspends its own, by calls to the firmware, HVC to a hypervisor or SMC. KVM answers them itself
 * (Linux arch/arm64/kvm/psci.c): suspending is WFI, whatever state is asked for; who is off sleeps
 * in its exit, and no interrupt wakes it.
 */
#include "nested.h"

enum { ALREADY_ON = -4, INVALID_PARAMETERS = -2 };
#define LENGTH 4

/* Time of a call that no hypervisor answers. */
static void firmware(struct vs_vcpu *v)
{
    vs_ps d = {v->p->times.smc * v->hw->clock.period_ps};
    vs_cpu_instructions(&v->hw->cpu, 1);
    vs_txn_settle(&v->txn);
    vs_charge(&v->txn, (uint16_t)(v->p->vcpu_account + VS_ACC_vcpu_smc), d);
}

/* Who is turned on, and hears of it when the call is answered. */
static void wake(void *ctx, struct vs_txn *t)
{
    struct vs_vcpu *v = ctx;
    v->on_ps = vs_now(t).v + v->irq.message_ps;
    vs_kernel_wake(v->p->kernel, v->hw->agent, v->on_ps);
}

int64_t vcpu_power_on(struct vs_vcpu *v, uint64_t target, bool by_firmware)
{
    struct vs_platform *p = v->p;
    struct vs_vcpu *o =
        target < p->n_vcpus && p->vcpu[target].vm == v->vm ? &p->vcpu[target] : NULL;
    bool starts = o && o->off && o->on_ps == VS_NEVER;
    struct vs_trap trap = {.kind = VS_TRAP_POWER, .firmware = by_firmware, .length = LENGTH};
    struct vs_handling how = {.work = starts ? wake : NULL, .ctx = o};
    vs_txn_settle(&v->txn);
    if (!p->virtualized || !vcpu_trap(v, &trap, &how)) {
        firmware(v);
        if (starts) {
            wake(o, &v->txn);
        }
    }
    return !o ? INVALID_PARAMETERS : starts ? 0 : ALREADY_ON;
}

/* The call that does not return before the processor is wanted again. */
static void leave(struct vs_vcpu *v, bool by_firmware)
{
    struct vs_trap trap = {
        .kind = VS_TRAP_HALT, .power = true, .firmware = by_firmware, .length = LENGTH};
    if (!v->p->virtualized) {
        firmware(v);
    }
    vcpu_halt_by(v, &trap);
}

void vcpu_power_off(struct vs_vcpu *v, bool by_firmware)
{
    if (vcpu_nested_lacks(v, "calls of PSCI's CPU_OFF")) {
        return;
    }
    v->off = true;
    v->on_ps = VS_NEVER;
    leave(v, by_firmware);
}

void vcpu_suspend(struct vs_vcpu *v, bool by_firmware)
{
    leave(v, by_firmware);
}
