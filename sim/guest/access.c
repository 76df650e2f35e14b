/* SPDX-License-Identifier: MIT */
/* Accesses of software that is no program: of the guest's kernel, faults and all. */
#include "guest/guest.h"

bool guest_touch(struct vs_vcpu *v, uint64_t at, enum vs_ref ref)
{
    vs_gva a = {at};
    v->emulated = false;
    v->kernel = true;
    while (!v->failed && vcpu_access(v, a, 8, ref) == VS_CPU_FAULT) {
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
        enum vs_cpu_stop stop = vcpu_store_string(v, from, end - at, &done);
        at += done;
        if (stop == VS_CPU_FAULT && vcpu_fault(v) && v->emulated) {
            at += 1ull << v->hw->cpu.data.line_shift;
        }
    }
    v->kernel = false;
}

void guest_touches(struct vs_vcpu *v, uint64_t at, uint64_t bytes, enum vs_ref ref)
{
    const bool fetch = ref == VS_REF_FETCH;
    const uint64_t line = fetch ? 1ull << v->hw->cpu.fetch.line_shift : VS_TOUCH_BYTES;
    uint64_t done, end = at + bytes;
    while (at < end && !v->failed) {
        vs_gva from = {at};
        v->emulated = false;
        v->kernel = true; /* a fault's handler has accesses of its own */
        enum vs_cpu_stop stop = vcpu_touches(v, from, end - at, line, ref, &done);
        at += done;
        if (stop == VS_CPU_FAULT && (!vcpu_fault(v) || v->emulated)) {
            at += line; /* nothing more is to be done for it */
        }
    }
    v->kernel = false;
}
