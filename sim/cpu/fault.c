/* SPDX-License-Identifier: MIT */
/* What stopped the core: a page fault is the guest kernel's (or, under shadow paging, first the
 * hypervisor's), a fault of the second dimension the hypervisor's. */
#include "vcpu.h"

#include "virtsim/record.h"

#define FAULTS_ALIKE 64u /* of one access; it takes one of each kind for each of its entries */

/* A page table where no memory is: no hypervisor can emulate the walker's access, and on bare metal
 * nobody answers it. */
enum vs_fault_end vcpu_no_table(struct vs_vcpu *v, uint64_t gva, uint64_t pa)
{
    bool guest = v->p->virtualized;
    vcpu_fail(v,
              "the page tables lead 0x%llx to a table at %s 0x%llx, beyond %s = %llu bytes: "
              "no memory is there",
              (unsigned long long)gva, guest ? "guest-physical" : "physical",
              (unsigned long long)pa, guest ? "guest.memory" : "host.memory",
              (unsigned long long)(guest ? v->vm->bytes : vs_phys_size(v->p->phys)));
    return VS__FAULT_STOP;
}

/* Guest-physical space that is no memory is a device's: the hypervisor emulates the access. */
static enum vs_fault_end device_exit(struct vs_vcpu *v, const struct vs_trap *e)
{
    if (!vcpu_trap(v, e, NULL)) {
        vcpu_fail(v, "an access to a device at guest-physical 0x%llx that does not exit",
                  (unsigned long long)e->gpa.v);
    }
    if (e->kind == VS_TRAP_STAGE2_FAULT) {
        (void)vs_vm_device(v->view, e->gpa.v); /* the next one is a misconfiguration */
    }
    return VS__FAULT_DONE;
}

/* Bytes of the access at `gva`; 0: it is not that of one register of the program, but of its
 * kernel, or of a wide one. */
static uint32_t bytes_of(const struct vs_vcpu *v, uint64_t gva)
{
    const struct vs_request *r = &v->request;
    uint64_t at = r->address, bytes = 0;
    if (r->kind == VS_REQ_TRACE && v->record < r->n_records) {
        at = r->records[v->record].addr;
        bytes = r->records[v->record].size;
    } else if (r->kind == VS_REQ_ACCESS) {
        bytes = r->bytes;
    } else if (r->kind == VS_REQ_BULK && gva - at < r->bytes) { /* each of its accesses */
        return sizeof(uint64_t);
    }
    bool one = bytes && bytes <= sizeof(uint64_t) && !(bytes & (bytes - 1u));
    return one && gva - at < bytes ? (uint32_t)bytes : 0;
}

/* A fault of the second dimension: the guest leaves, and its hypervisor gives the page. */
static enum vs_fault_end ept_fault(struct vs_vcpu *v, const struct vs_translation *f)
{
    struct vs_trap e = {.kind = f->fault == VS_FAULT_EPT_VIOLATION ? VS_TRAP_STAGE2_FAULT
                                                                   : VS_TRAP_MMIO,
                        .syndrome = f->qualification,
                        .gpa = f->gpa,
                        .gva = f->gva,
                        .device = f->gpa.v,
                        .vectoring = v->delivering,
                        .size = f->table ? 0 : bytes_of(v, f->gva.v),
                        .write = !f->table && f->rights & VS_RIGHT_WRITE,
                        .fetch = (f->rights & VS_RIGHT_EXECUTE) != 0};
    struct vs_handling how;
    if (!vcpu_memory(v, f->gpa.v)) {
        return f->table ? vcpu_no_table(v, f->gva.v, f->gpa.v) : device_exit(v, &e);
    }
    if (f->fault == VS_FAULT_EPT_MISCONFIG) {
        vcpu_fail(v, "EPT misconfiguration at guest-physical 0x%llx", (unsigned long long)f->gpa.v);
        return VS__FAULT_STOP;
    }
    struct vs_host_work w = {.v = v, .trap = &e, .fault = f};
    bool there = v->p->host.withheld(&w, &how);
    v->count[VS_CNT_vcpu_ept_faults] += !there; /* else a right was withheld */
    if (!vcpu_trap(v, &e, there ? &how : NULL)) {
        vcpu_fail(v, "an EPT violation at guest-physical 0x%llx that does not exit",
                  (unsigned long long)f->gpa.v);
    }
    return VS__FAULT_AGAIN;
}

/* The handler has read the log when the guest was left (vs_host_port.read_log). */
static enum vs_fault_end log_full(struct vs_vcpu *v, const struct vs_translation *f)
{
    struct vs_trap e = {
        .kind = VS_TRAP_LOG_FULL, .vectoring = v->delivering, .gpa = f->gpa, .gva = f->gva};
    struct vs_handling how = {.log_full = true};
    if (!vcpu_trap(v, &e, &how)) {
        vcpu_fail(v, "a full page-modification log that does not exit");
    }
    return VS__FAULT_AGAIN;
}

/* On bare metal: a read across the root complex that nobody modelled answers. */
static enum vs_fault_end device(struct vs_vcpu *v)
{
    vs_ps took = {v->p->times.mmio * v->hw->clock.period_ps};
    vs_txn_settle(&v->txn);
    vs_charge(&v->txn, (uint16_t)(v->p->vcpu_account + VS_ACC_vcpu_mmio), took);
    return VS__FAULT_DONE;
}

/* Under shadow paging: whether the guest's own tables lead to one where no memory is. The run has
 * failed then. */
static bool lost(struct vs_vcpu *v, uint64_t gva)
{
    uint64_t at[VS_RADIX_LEVELS + 1u];
    if (!vs_space_reaches(&v->space, gva) ||
        vs_space_malformed(&v->space, gva, (unsigned)v->p->ept.physical_bits)) {
        return false;
    }
    unsigned level = vs_space_path(&v->space, gva, at);
    if (vcpu_memory(v, at[level])) {
        return false;
    }
    (void)vcpu_no_table(v, gva, at[level]);
    return true;
}

/* Hands a fault to who mends it, the guest's kernel or the hypervisor. */
static enum vs_fault_end handle(struct vs_vcpu *v, struct vs_translation *f)
{
    enum vs_fault_end out = VS__FAULT_STOP;
    switch (f->fault) {
    case VS_FAULT_GENERAL_PROTECTION:
        vcpu_fail(v, "access to 0x%llx, which is not canonical: #GP", (unsigned long long)f->gva.v);
        return VS__FAULT_STOP;
    case VS_FAULT_PML_FULL:
        return log_full(v, f);
    case VS_FAULT_NO_MEMORY:
        return device(v);
    case VS_FAULT_PAGE:
        break;
    default:
        return ept_fault(v, f);
    }
    if (v->p->shadow) {
        out = lost(v, f->gva.v) ? VS__FAULT_STOP : v->p->host.page_fault(v, f);
        if (out != VS__FAULT_GUEST) {
            return out;
        }
    }
    return v->p->guest.page_fault(v, f);
}

/* Whether the same access has faulted in the same way so often that nobody will mend it. */
static bool stuck(struct vs_vcpu *v, const struct vs_translation *f)
{
    struct vs_fault_seen now = {
        .request = v->count[VS_CNT_vcpu_requests],
        .at = v->in_bulk ? v->bulk.done : v->record,
        .gva = f->gva.v,
        .gpa = f->gpa.v,
        .why = f->qualification ^ f->error_code ^ (uint64_t)f->fault << 56,
    };
    struct vs_fault_seen *last = &v->faulted;
    now.n = now.request == last->request && now.at == last->at && now.gva == last->gva &&
                    now.gpa == last->gpa && now.why == last->why
                ? last->n + 1u
                : 0;
    *last = now;
    return now.n >= FAULTS_ALIKE;
}

bool vcpu_fault(struct vs_vcpu *v)
{
    struct vs_translation f = v->hw->cpu.fault;
    if (v->failed) {
        return false; /* before the walk, which found nothing then */
    }
    if (stuck(v, &f)) {
        vcpu_fail(v,
                  "an access to 0x%llx faults again and again (%u times, physical 0x%llx): "
                  "what handles it changes nothing",
                  (unsigned long long)f.gva.v, FAULTS_ALIKE, (unsigned long long)f.gpa.v);
        return false;
    }
    struct vs_fault_seen seen = v->faulted; /* the handler has faults of its own */
    struct vs_cpu_halfway halfway = v->hw->cpu.halfway;
    enum vs_fault_end out = handle(v, &f);
    v->faulted = seen;
    v->hw->cpu.halfway = halfway;
    v->hw->cpu.halfway.until = out == VS__FAULT_AGAIN ? halfway.until : 0;
    v->emulated = out == VS__FAULT_DONE;
    v->faulted.n = v->emulated ? 0 : v->faulted.n;
    return out != VS__FAULT_STOP && !v->failed;
}
