/* SPDX-License-Identifier: MIT */
/*
 * Floating-point, SIMD and SVE registers under KVM: CPTR_EL2 traps their first use after the vCPU's
 * thread has got its processor; then they are the guest's until the thread gives it up, which
 * stores them (Linux arch/arm64/kvm/hyp/include/hyp/switch.h, kvm_hyp_handle_fpsimd; fpsimd.c,
 * kvm_arch_vcpu_put_fp). What the host had in them is stored by that trap, or, since 6.14, by
 * whoever loads the vCPU.
 */
#include "el2/el2.h"

enum { Q_PAIRS = 16, STATUS = 2 };          /* Q0 to Q31, 32 bytes a pair; FPSR and FPCR */
enum { Z_REGISTERS = 32, PREDICATES = 17 }; /* and FFR; a predicate has a bit for each byte */
#define ALIGNED(bytes) (((bytes) + 63u) / 64u * 64u)

/* Bytes and pairs that a save or a load of one state moves. */
static uint64_t bytes_of(const struct vs_el2 *e, bool sve)
{
    uint64_t vector = e->config.sve / 8u;
    return sve ? ALIGNED(Z_REGISTERS * vector + PREDICATES * (vector / 8u)) : Q_PAIRS * 32u;
}

/* One state is stored to, or loaded from, its area of the vCPU structure. */
static void move(struct vs_el2 *e, struct vs_txn *t, unsigned account, unsigned lines, bool sve,
                 uint64_t at, enum vs_ref ref)
{
    uint64_t n = sve ? Z_REGISTERS + PREDICATES : Q_PAIRS;
    if (!t) {
        return;
    }
    vs_ps d = {(n * e->config.store_pair + STATUS * e->config.system) * e->wire.clock.period_ps};
    vs_txn_settle(t);
    vs_charge_n(t, (uint16_t)(e->base + account), n + STATUS, d);
    vs_mem_touches_on(&e->wire.mem, t, (vs_hpa){e->vcpu.v + at}, bytes_of(e, sve), ref,
                      (uint16_t)(e->base + lines));
}

/* The host's registers are stored, as the host has SVE, too, where the processor has it. */
static void save_host(struct vs_el2 *e, struct vs_txn *t)
{
    move(e, t, VS_ACC_el2_fp_save, VS_ACC_el2_fp_save_lines, e->config.sve != 0, VS_EL2_AT_HOST_FP,
         VS_REF_WRITE);
}

bool vs_el2_traps_fp(struct vs_el2 *e, bool sve)
{
    bool trapped = e->cptr & (sve ? VS_CPTR_TZ | VS_CPTR_TFP : VS_CPTR_TFP);
    e->count[VS_CNT_el2_not_trapped] += !trapped;
    return trapped;
}

void vs_el2_give_fp(struct vs_el2 *e, struct vs_txn *t)
{
    if (!e->config.fp_at_load) {
        save_host(e, t);
    }
    move(e, t, VS_ACC_el2_fp_load, VS_ACC_el2_fp_load_lines, e->config.sve != 0, VS_EL2_AT_GUEST_FP,
         VS_REF_READ);
    e->cptr &= ~(VS_CPTR_TFP | VS_CPTR_TZ);
    e->count[VS_CNT_el2_fp_given]++;
}

void vs_el2_running(struct vs_el2 *e, struct vs_txn *t, bool on)
{
    if (on) {
        if (e->config.fp_at_load) {
            save_host(e, t);
        }
        return;
    }
    if (!(e->cptr & VS_CPTR_TFP)) {
        move(e, t, VS_ACC_el2_fp_save, VS_ACC_el2_fp_save_lines, e->config.sve != 0,
             VS_EL2_AT_GUEST_FP, VS_REF_WRITE);
    }
    e->cptr |= VS_CPTR_TFP | VS_CPTR_TZ;
}
