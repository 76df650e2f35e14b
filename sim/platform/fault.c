/* SPDX-License-Identifier: MIT */
/* What stopped the core: first touches by the guest's own kernel, EPT violations by the hypervisor.
 */
#include "vcpu.h"

#include "vmcs/vmcs.h"

void vs__vcpu_routine(struct vs_vcpu *v, uint64_t instructions, vs_gva code, uint64_t code_bytes,
                      vs_gva data, uint64_t data_bytes)
{
    uint64_t line = 1ull << v->cpu.fetch.line_shift;
    for (uint64_t at = code.v & ~(line - 1u); at < code.v + (code_bytes ? code_bytes : 1);
         at += line) {
        vs__vcpu_reach(v, at, VS_REF_FETCH);
    }
    for (uint64_t at = 0; at < data_bytes; at += 64) {
        vs__vcpu_reach(v, data.v + at, at * 4 < data_bytes * 3 ? VS_REF_READ : VS_REF_WRITE);
    }
    vs_cpu_instructions(&v->cpu, instructions);
}

static unsigned region_shift(const struct vs_vcpu *v)
{
    /* a trace's pages and touched regions have the machine's page size; around a recorded guest's
     * page others may be mapped already */
    return v->p->recorded ? v->space.format.granule : vs_ept_page_shift(v->p->ept.guest_page);
}

/* A transparent large page where that is possible. */
static enum vs_status give_frame(struct vs_vcpu *v, uint64_t gva, unsigned *shift, bool back)
{
    if (vs__space_large(v, gva)) {
        bool good = !vs_space_touch(&v->space, gva, 21, true, back);
        v->count[good ? VS_CNT_os_thp_pages : VS_CNT_os_thp_fallbacks]++;
        if (good) {
            *shift = 21;
            return VS_OK;
        }
    }
    return vs_space_touch(&v->space, gva, *shift, true, back);
}

/* The kernel gives the page a frame; under EPT the new frame may still lack a host page. */
static bool first_touch(struct vs_vcpu *v, uint64_t gva, bool free)
{
    struct vs_platform *p = v->p;
    const struct vs_os_config *os = &p->os;
    unsigned shift = region_shift(v);
    bool back = free || os->host_prefault;
    enum vs_status st;
    if (free) {
        st = give_frame(v, gva, &shift, back);
    } else {
        vs_gva code = {VS_HV_CODE}, data = {VS_HV_DATA};
        vs_ps exception = {os->exception * v->clock.period_ps};
        vs_txn_settle(&v->txn);
        vs_open(&v->txn, VS_OP_PAGE_FAULT);
        v->count[VS_CNT_os_page_faults]++;
        vs_charge(&v->txn, (uint16_t)(p->os_account + VS_ACC_os_exception), exception);
        vs__vcpu_routine(v, os->fault_instructions, code, os->fault_code, data, os->fault_data);
        uint64_t tables;
        vs__edit_begin(v, &tables);
        st = give_frame(v, gva, &shift, back);
        if (!st) {
            vs__edit_entry(v, gva, tables);
        }
        vs_close(&v->txn);
    }
    if (st) {
        vs__vcpu_refuse(v, "first touch of 0x%llx: %s is exhausted; give the machine more",
                        (unsigned long long)gva,
                        p->virtualized ? "guest.memory or host.memory" : "host.memory");
        return false;
    }
    /* clearing goes through the caches like any store; it may itself take an EPT violation */
    for (uint64_t at = gva >> shift << shift, end = at + (1ull << shift);
         !free && os->zero_page && at < end && !v->failed;) {
        vs_gva a = {at};
        if (vs_cpu_access(&v->cpu, a, 8, VS_REF_WRITE) == VS_CPU_FAULT) {
            vs__vcpu_fault(v);
        } else {
            at += 64;
        }
    }
    return !v->failed;
}

static bool ept_fault(struct vs_vcpu *v, const struct vs_translation *f)
{
    struct vs_vmx_event e = {.kind = f->fault == VS_FAULT_EPT_VIOLATION ? VS_EV_EPT_VIOLATION
                                                                        : VS_EV_EPT_MISCONFIG,
                             .qualification = f->qualification,
                             .guest_physical = f->gpa.v,
                             .address = f->gva.v};
    v->count[VS_CNT_os_ept_faults]++;
    if (f->fault == VS_FAULT_EPT_MISCONFIG) {
        vs__vcpu_fail(v, "EPT misconfiguration at guest-physical 0x%llx",
                      (unsigned long long)f->gpa.v);
        return false;
    }
    v->fast = vs__host_withheld(v, f);
    bool left = vs__vcpu_event(v, &e);
    v->fast = v->ask = false;
    v->work = NULL;
    if (!left) {
        vs__vcpu_fail(v, "an EPT violation at guest-physical 0x%llx that does not exit",
                      (unsigned long long)f->gpa.v);
    }
    return !v->failed;
}

/* The handler has read the log when the guest was left (vs__dirty_flush). */
static bool log_full(struct vs_vcpu *v, const struct vs_translation *f)
{
    struct vs_vmx_event e = {
        .kind = VS_EV_PML_FULL, .guest_physical = f->gpa.v, .address = f->gva.v};
    v->log_full = true;
    if (!vs__vcpu_event(v, &e)) {
        vs__vcpu_fail(v, "a full page-modification log that does not exit");
    }
    v->log_full = false;
    return !v->failed;
}

/* The guest's page fault for a right that its own tables do not give: its kernel would end the
 * program. */
static bool denied(struct vs_vcpu *v, const struct vs_translation *f)
{
    bool write = (f->error_code & 2u) != 0, fetch = (f->error_code & 16u) != 0,
         arm = v->space.format.kind == VS_RADIX_STAGE1;
    vs__vcpu_fail(v, "%s 0x%llx, which is mapped %s: %s 0x%llx",
                  write   ? "store to"
                  : fetch ? "fetch from"
                          : "access to",
                  (unsigned long long)f->gva.v,
                  !(f->error_code & 1u) ? "without any permission"
                  : write               ? "read-only"
                                        : "without that permission",
                  arm ? "permission fault, ESR_EL1.ISS" : "#PF, error code",
                  (unsigned long long)(arm ? f->qualification : f->error_code));
    return false;
}

bool vs__vcpu_fault(struct vs_vcpu *v)
{
    struct vs_translation f = v->cpu.fault;
    if (f.fault == VS_FAULT_GENERAL_PROTECTION) {
        vs__vcpu_fail(v, "access to 0x%llx, which is not canonical: #GP",
                      (unsigned long long)f.gva.v);
        return false;
    }
    if (f.fault == VS_FAULT_PML_FULL) {
        return log_full(v, &f);
    }
    if (f.fault != VS_FAULT_PAGE) {
        return ept_fault(v, &f);
    }
    if (v->p->shadow) {
        uint64_t gpa, hpa;
        if (v->request.kind == VS_REQ_TRACE && v->p->os.trace_touch == 0 &&
            !vs_space_locate(&v->space, f.gva.v, &gpa, &hpa) && !first_touch(v, f.gva.v, true)) {
            return false; /* mapped at no cost: what is left is the shadow's own fault */
        }
        switch (vs__vcpu_shadow_fault(v, &f)) {
        case VS_SHADOW_INJECT:
            break; /* the guest's own */
        case VS_SHADOW_EMULATED:
            v->emulated = true;
            if (!v->kernel) {
                vs__vcpu_fail(v, "a program's store to 0x%llx, which holds a page table",
                              (unsigned long long)f.gva.v);
            }
            return !v->failed;
        default:
            return !v->failed;
        }
    }
    bool present = (f.error_code & 1u) != 0;
    bool trace = v->request.kind == VS_REQ_TRACE;
    if (present || vs_space_held(&v->space, f.gva.v)) {
        return denied(v, &f);
    }
    /* a program's own addresses are those it mapped; a trace brings its own */
    if (!trace && (f.gva.v < 0x10000000000u || f.gva.v >= v->space.next_gva)) {
        vs__vcpu_fail(v, "access to 0x%llx, which was never mapped", (unsigned long long)f.gva.v);
        return false;
    }
    return first_touch(v, f.gva.v, trace && v->p->os.trace_touch == 0);
}
