/* SPDX-License-Identifier: MIT */
/* What a guest does on its processor, where a translator does it instead. */
#include "vcpu.h"

#define PAGE 4096u /* a translator looks at each page by itself */
#define STORE 8u   /* bytes of one store of a string instruction, which is a loop there */

enum vs_cpu_stop vcpu_access_translated(struct vs_vcpu *v, vs_gva at, uint32_t bytes,
                                        enum vs_ref ref, bool modifies)
{
    for (uint64_t from = at.v, end = at.v + bytes, to; from < end; from = to) {
        to = (from & ~(uint64_t)(PAGE - 1u)) + PAGE;
        to = to < end && to > from ? to : end;
        if (v->translator->access(v, (vs_gva){from}, (uint32_t)(to - from), ref, modifies) ==
            VS_CPU_FAULT) {
            return VS_CPU_FAULT;
        }
    }
    return VS_CPU_DONE;
}

enum vs_cpu_stop vcpu_touches(struct vs_vcpu *v, vs_gva at, uint64_t bytes, uint64_t step,
                              enum vs_ref ref, uint64_t *done)
{
    if (v->translator && ref == VS_REF_FETCH && v->kernel) {
        return v->translator->code(v, at, bytes, done);
    }
    if (!vcpu_soft(v)) {
        return vs_cpu_touches(&v->hw->cpu, at, bytes, step, ref, done);
    }
    for (*done = 0; *done < bytes; *done += step) {
        if (vcpu_access_translated(v, (vs_gva){at.v + *done}, STORE, ref, false) == VS_CPU_FAULT) {
            return VS_CPU_FAULT;
        }
    }
    return VS_CPU_DONE;
}

enum vs_cpu_stop vcpu_store_string(struct vs_vcpu *v, vs_gva at, uint64_t bytes, uint64_t *done)
{
    if (!vcpu_soft(v)) {
        return vs_cpu_store_string(&v->hw->cpu, at, bytes, done);
    }
    for (*done = 0; *done < bytes; *done += STORE) {
        if (vcpu_access_translated(v, (vs_gva){at.v + *done}, STORE, VS_REF_WRITE, false) ==
            VS_CPU_FAULT) {
            return VS_CPU_FAULT;
        }
        vcpu_instructions(v, 1, true);
    }
    return VS_CPU_DONE;
}

enum vs_cpu_stop vcpu_bulk_run(struct vs_vcpu *v, struct vs_cpu_bulk *b, vs_ps until)
{
    if (!vcpu_soft(v)) {
        return vs_cpu_bulk_run(&v->hw->cpu, b, until);
    }
    while (b->done < b->count) {
        if (vs_cpu_now_ps(&v->hw->cpu) >= until.v) {
            return VS_CPU_HORIZON;
        }
        enum vs_ref ref;
        const vs_gva at = vs_bulk_next(b, &ref);
        const bool fetch =
            ref == VS_REF_FETCH; /* whose steps are instructions, one behind the other */
        const uint32_t bytes = fetch && b->stride < STORE ? (uint32_t)b->stride : STORE;
        if (vcpu_access_translated(v, at, bytes, b->modifies ? VS_REF_WRITE : ref, b->modifies) ==
            VS_CPU_FAULT) {
            return VS_CPU_FAULT;
        }
        vcpu_instructions(v, b->instructions, fetch);
        vs_bulk_made(b);
    }
    return VS_CPU_DONE;
}

void vcpu_instructions(struct vs_vcpu *v, uint64_t n, bool placed)
{
    if (vcpu_soft(v)) {
        v->translator->instructions(v, 0, n, placed);
    } else {
        vs_cpu_instructions(&v->hw->cpu, n);
    }
}

void vcpu_work(struct vs_vcpu *v, struct vs_txn *t, uint16_t account, uint64_t n)
{
    if (v->translator) {
        v->translator->instructions(v, account, n, true);
        return;
    }
    const struct vs_core_port core = vs_cpu_core_port(&v->hw->cpu);
    core.work(core.ctx, t, account, n);
}

uint64_t vcpu_instruction_ps(const struct vs_vcpu *v)
{
    const uint64_t one = v->hw->cpu.instruction_q + 1u, many = 1000;
    return vcpu_soft(v) ? one * v->translator->becomes(v, many) / many + 1u : one;
}

void vcpu_exception(struct vs_vcpu *v)
{
    if (vcpu_soft(v)) {
        vs_txn_settle(&v->txn);
        v->translator->exception(v);
    } else {
        vcpu_charge(v, &v->txn, VS_ACC_vcpu_exception, v->p->times.exception);
    }
}
