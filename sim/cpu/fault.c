/* SPDX-License-Identifier: MIT */
/* What stopped the core: first touches by the guest's own kernel, EPT violations by the hypervisor.
 */
#include "vcpu.h"

#include "vmcs/vmcs.h"

/* error code of a page fault, SDM 3A 4.7 */
#define PF_PRESENT 1u
#define PF_WRITE 2u
#define PF_RESERVED 8u
#define FAULTS_ALIKE 64u /* of one access; it takes one of each kind for each of its entries */

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

/* What became of an access that faulted. */
enum outcome { STOP, AGAIN, DONE }; /* the run failed; it is issued again; it was carried out */

static unsigned region_shift(const struct vs_vcpu *v)
{
    /* a trace's pages and touched regions have the machine's page size; around a recorded guest's
     * page others may be mapped already */
    return v->p->recorded ? v->space.format.granule : vs__page_shift(v);
}

/* A transparent large page where that is possible. */
static enum vs_status give_frame(struct vs_vcpu *v, uint64_t gva, unsigned *shift, bool back)
{
    if (vs__space_large(v, gva)) {
        unsigned large = vs__large_shift(v);
        bool good = !vs_space_touch(&v->space, gva, large, true, back);
        v->count[good ? VS_CNT_os_thp_pages : VS_CNT_os_thp_fallbacks]++;
        if (good) {
            *shift = large;
            return VS_OK;
        }
    }
    enum vs_status st = vs_space_touch(&v->space, gva, *shift, true, back);
    vs__space_upper(v);
    return st;
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
            if (os->zero_page) {
                vs__vcpu_clear(v, gva >> shift << shift, 1ull << shift);
            }
        }
        vs_close(&v->txn);
    }
    if (st == VS_E_BOUNDS) {
        vs__vcpu_fail(v, "first touch of 0x%llx: its page tables lie where no memory is",
                      (unsigned long long)gva);
        return false;
    }
    if (st) {
        vs__vcpu_refuse(v, "first touch of 0x%llx: %s is exhausted; give the machine more",
                        (unsigned long long)gva,
                        p->virtualized ? "guest.memory or host.memory" : "host.memory");
        return false;
    }
    return !v->failed;
}

static bool is_memory(const struct vs_vcpu *v, uint64_t pa)
{
    return v->p->virtualized ? vs_vm_is_memory(v->vm, pa) : pa < vs_phys_size(v->p->phys);
}

/* A page table where no memory is: no hypervisor can emulate the walker's access, and on bare metal
 * nobody answers it. */
static enum outcome no_table(struct vs_vcpu *v, uint64_t gva, uint64_t pa)
{
    bool guest = v->p->virtualized;
    vs__vcpu_fail(v,
                  "the page tables lead 0x%llx to a table at %s 0x%llx, beyond %s = %llu bytes: "
                  "no memory is there",
                  (unsigned long long)gva, guest ? "guest-physical" : "physical",
                  (unsigned long long)pa, guest ? "guest.memory" : "host.memory",
                  (unsigned long long)(guest ? v->vm->bytes : vs_phys_size(v->p->phys)));
    return STOP;
}

/* Guest-physical space that is no memory is a device's: the hypervisor emulates the access. */
static enum outcome device_exit(struct vs_vcpu *v, const struct vs_trap *e)
{
    if (!vs__vcpu_trap(v, e, NULL)) {
        vs__vcpu_fail(v, "an access to a device at guest-physical 0x%llx that does not exit",
                      (unsigned long long)e->gpa.v);
    }
    if (e->kind == VS_TRAP_STAGE2_FAULT) {
        (void)vs_vm_device(v->vm, e->gpa.v); /* the next one is a misconfiguration */
    }
    return DONE;
}

static enum outcome ept_fault(struct vs_vcpu *v, const struct vs_translation *f)
{
    struct vs_trap e = {.kind = f->fault == VS_FAULT_EPT_VIOLATION ? VS_TRAP_STAGE2_FAULT
                                                                   : VS_TRAP_MMIO,
                        .syndrome = f->qualification,
                        .gpa = f->gpa,
                        .gva = f->gva};
    struct vs_withheld withheld;
    struct vs_handling how;
    if (!is_memory(v, f->gpa.v)) {
        return f->table ? no_table(v, f->gva.v, f->gpa.v) : device_exit(v, &e);
    }
    v->count[VS_CNT_os_ept_faults]++;
    if (f->fault == VS_FAULT_EPT_MISCONFIG) {
        vs__vcpu_fail(v, "EPT misconfiguration at guest-physical 0x%llx",
                      (unsigned long long)f->gpa.v);
        return STOP;
    }
    bool there = vs__host_withheld(v, f, &withheld, &how);
    if (!vs__vcpu_trap(v, &e, there ? &how : NULL)) {
        vs__vcpu_fail(v, "an EPT violation at guest-physical 0x%llx that does not exit",
                      (unsigned long long)f->gpa.v);
    }
    return AGAIN;
}

/* The handler has read the log when the guest was left (vs__dirty_flush). */
static enum outcome log_full(struct vs_vcpu *v, const struct vs_translation *f)
{
    struct vs_trap e = {.kind = VS_TRAP_LOG_FULL, .gpa = f->gpa, .gva = f->gva};
    struct vs_handling how = {.log_full = true};
    if (!vs__vcpu_trap(v, &e, &how)) {
        vs__vcpu_fail(v, "a full page-modification log that does not exit");
    }
    return AGAIN;
}

/* On bare metal: a read across the root complex that nobody modelled answers. */
static enum outcome device(struct vs_vcpu *v)
{
    vs_ps took = {v->p->os.mmio * v->clock.period_ps};
    vs_txn_settle(&v->txn);
    vs_charge(&v->txn, (uint16_t)(v->p->os_account + VS_ACC_os_mmio), took);
    return DONE;
}

/* The guest's page fault for a right that its own tables do not give: its kernel would end the
 * program. */
static enum outcome denied(struct vs_vcpu *v, const struct vs_translation *f)
{
    bool write = (f->error_code & PF_WRITE) != 0, fetch = (f->error_code & 16u) != 0,
         arm = vs__vcpu_arm(v);
    vs__vcpu_fail(v, "%s 0x%llx, which is mapped %s: %s 0x%llx",
                  write   ? "store to"
                  : fetch ? "fetch from"
                          : "access to",
                  (unsigned long long)f->gva.v,
                  !(f->error_code & PF_PRESENT) ? "without any permission"
                  : write                       ? "read-only"
                                                : "without that permission",
                  arm ? "permission fault, ESR_EL1.ISS" : "#PF, error code",
                  (unsigned long long)(arm ? f->qualification : f->error_code));
    return STOP;
}

/* The entry is there and does not allow the access. */
static enum outcome forbidden(struct vs_vcpu *v, const struct vs_translation *f)
{
    unsigned bits = (unsigned)v->p->ept.physical_bits;
    bool arm = vs__vcpu_arm(v);
    if (!(f->error_code & PF_RESERVED)) {
        return denied(v, f);
    }
    unsigned level = vs_space_malformed(&v->space, f->gva.v, bits);
    vs__vcpu_fail(v,
                  "access to 0x%llx: %s in its entry at level %u (addresses have "
                  "ept.physical_bits = %u)",
                  (unsigned long long)f->gva.v,
                  arm ? "Address size fault, an address that is too wide"
                      : "page fault, a reserved bit is set",
                  arm ? 4u - level : level, bits);
    return STOP;
}

/* Nothing is mapped there yet, or never will be. */
static enum outcome absent(struct vs_vcpu *v, const struct vs_translation *f)
{
    bool trace = v->request.kind == VS_REQ_TRACE;
    uint64_t at[VS_RADIX_LEVELS + 1u];
    if (!vs_space_reaches(&v->space, f->gva.v)) {
        vs__vcpu_fail(v,
                      "access to 0x%llx, which neither TTBR0 (%u bits) nor TTBR1 (%u bits) "
                      "translates: Translation fault",
                      (unsigned long long)f->gva.v, v->space.format.input_bits,
                      v->space.upper.input_bits);
        return STOP;
    }
    uint64_t entry = at[vs_space_path(&v->space, f->gva.v, at)];
    if (!is_memory(v, entry)) {
        return no_table(v, f->gva.v, entry);
    }
    if (v->guest_context.upper != v->space.upper_cr3) { /* made by another vCPU */
        vs__space_upper(v);
        return AGAIN;
    }
    /* a program's own addresses are those it mapped; a trace brings its own */
    if (!trace && (f->gva.v < v->space.first_gva || f->gva.v >= v->space.next_gva) &&
        !vs__place_has(v->mm, v->process_now, f->gva.v)) {
        vs__vcpu_fail(v, "access to 0x%llx, which was never mapped", (unsigned long long)f->gva.v);
        return STOP;
    }
    return first_touch(v, f->gva.v, trace && v->p->os.trace_touch == 0) ? AGAIN : STOP;
}

/* Under shadow paging the guest's own fault is left in *f. */
static bool shadow_fault(struct vs_vcpu *v, struct vs_translation *f, enum outcome *out)
{
    uint64_t gpa;
    if (v->request.kind == VS_REQ_TRACE && v->p->os.trace_touch == 0 &&
        !(f->error_code & PF_PRESENT) && vs_space_reaches(&v->space, f->gva.v) &&
        !vs_space_find(&v->space, f->gva.v, &gpa) &&
        !vs_space_malformed(&v->space, f->gva.v, (unsigned)v->p->ept.physical_bits)) {
        *out = absent(v, f); /* mapped at no cost: what is left is the shadow's own fault */
        if (*out == STOP) {
            return true;
        }
    }
    switch (vs__vcpu_shadow_fault(v, f)) {
    case VS_SHADOW_INJECT:
        return false;
    case VS_SHADOW_EMULATED:
        *out = DONE;
        if (!v->kernel) {
            vs__vcpu_fail(v, "a program's store to 0x%llx, which holds a page table",
                          (unsigned long long)f->gva.v);
        }
        return true;
    case VS_SHADOW_DEVICE:
        *out = DONE;
        return true;
    default:
        *out = AGAIN;
        return true;
    }
}

static enum outcome handle(struct vs_vcpu *v, struct vs_translation *f)
{
    enum outcome out = STOP;
    switch (f->fault) {
    case VS_FAULT_GENERAL_PROTECTION:
        vs__vcpu_fail(v, "access to 0x%llx, which is not canonical: #GP",
                      (unsigned long long)f->gva.v);
        return STOP;
    case VS_FAULT_PML_FULL:
        return log_full(v, f);
    case VS_FAULT_NO_MEMORY:
        return device(v);
    case VS_FAULT_PAGE:
        break;
    default:
        return ept_fault(v, f);
    }
    if (v->p->shadow && shadow_fault(v, f, &out)) {
        return out;
    }
    return f->error_code & PF_PRESENT || vs_space_held(&v->space, f->gva.v) ? forbidden(v, f)
                                                                            : absent(v, f);
}

/* Whether the same access has faulted in the same way so often that nobody will mend it. */
static bool stuck(struct vs_vcpu *v, const struct vs_translation *f)
{
    struct vs_fault_seen now = {
        .request = v->count[VS_CNT_os_requests],
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

bool vs__vcpu_fault(struct vs_vcpu *v)
{
    struct vs_translation f = v->cpu.fault;
    if (stuck(v, &f)) {
        vs__vcpu_fail(v,
                      "an access to 0x%llx faults again and again (%u times, physical 0x%llx): "
                      "what handles it changes nothing",
                      (unsigned long long)f.gva.v, FAULTS_ALIKE, (unsigned long long)f.gpa.v);
        return false;
    }
    struct vs_fault_seen seen = v->faulted; /* the handler has faults of its own */
    enum outcome out = handle(v, &f);
    v->faulted = seen;
    v->emulated = out == DONE;
    v->faulted.n = v->emulated ? 0 : v->faulted.n;
    return out != STOP && !v->failed;
}
