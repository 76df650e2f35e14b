/* SPDX-License-Identifier: MIT */
/* Accesses of software that is no program: of the guest's kernel, faults and all. */
#include "guest/guest.h"

bool guest_touch(struct vs_vcpu *v, uint64_t at, enum vs_ref ref)
{
    vs_gva a = {at};
    v->emulated = false;
    v->kernel = true;
    while (!v->failed && vs_cpu_access(&v->hw->cpu, a, 8, ref) == VS_CPU_FAULT) {
        if (!vcpu_fault(v) || v->emulated) {
            break;
        }
    }
    v->kernel = false;
    return !v->failed;
}

void guest_clear(struct vs_vcpu *v, uint64_t at, uint64_t bytes)
{
    uint64_t done, end = at + bytes;
    while (at < end && !v->failed) {
        vs_gva from = {at};
        v->kernel = true; /* a fault's handler has accesses of its own */
        enum vs_cpu_stop stop = vs_cpu_store_string(&v->hw->cpu, from, end - at, &done);
        at += done;
        if (stop == VS_CPU_FAULT && vcpu_fault(v) && v->emulated) {
            at += 1ull << v->hw->cpu.data.line_shift;
        }
    }
    v->kernel = false;
}

void guest_routine(struct vs_vcpu *v, uint64_t instructions, vs_gva code, uint64_t code_bytes,
                   vs_gva data, uint64_t data_bytes)
{
    uint64_t line = 1ull << v->hw->cpu.fetch.line_shift;
    for (uint64_t at = code.v & ~(line - 1u); at < code.v + (code_bytes ? code_bytes : 1);
         at += line) {
        guest_touch(v, at, VS_REF_FETCH);
    }
    for (uint64_t at = 0; at < data_bytes; at += 64) {
        guest_touch(v, data.v + at, at * 4 < data_bytes * 3 ? VS_REF_READ : VS_REF_WRITE);
    }
    vs_cpu_instructions(&v->hw->cpu, instructions);
}
