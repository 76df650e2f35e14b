/* SPDX-License-Identifier: MIT */
/* paging.mode = shadow: which exits there are, and what their handlers do to the shadow tables. */
#include "host/host.h"

#define PAGE_FAULT 14u
#define KEEP (1ull << 63) /* MOV to CR3: do not invalidate */

/* The one thing the present exit is about. */
struct work {
    struct vs_vcpu *v;
    uint64_t address;
    uint32_t error;
    enum vs_shadow_result result;
};

/* ---- the hypervisor around it ---- */

/* What is behind guest memory, for shadow tables; `back`: a page is given where none is. */
static bool host(void *ctx, struct vs_txn *t, uint64_t gpa, bool back, uint64_t *hpa,
                 unsigned *shift)
{
    struct vs_vcpu *v = ctx;
    struct vs_vm *vm = v->vm;
    vs_gpa at = {gpa};
    if (!vs_vm_is_memory(vm, gpa)) {
        return false;
    }
    return vs_vm_leaf(vm, gpa, hpa, shift) ||
           (back && vs_hv_back(&v->hv, t, at) && vs_vm_leaf(vm, gpa, hpa, shift));
}

/* KVM: INVVPID of one address or of the guest's context. */
static void flush(void *ctx, struct vs_txn *t, enum vs_shadow_flush what, vs_gva at)
{
    struct vs_vcpu *v = ctx;
    if (what == VS_SHADOW_FLUSH_MACHINE) {
        host_flush_remote(v, t);
        v->flush_due = false;
    }
    host_flush_linear(v, t, what == VS_SHADOW_FLUSH_PAGE, at);
}

/* The hypervisor's program of each path. */
static const enum vs_hv_entry programs[] = {
    [VS_SHADOW_PATH_FAULT] = VS_HV_ENTRY_SHADOW_FAULT,
    [VS_SHADOW_PATH_WRITE] = VS_HV_ENTRY_SHADOW_WRITE,
    [VS_SHADOW_PATH_SYNC] = VS_HV_ENTRY_SHADOW_SYNC,
    [VS_SHADOW_PATH_WALK] = VS_HV_ENTRY_SHADOW_WALK,
    [VS_SHADOW_PATH_PAGE] = VS_HV_ENTRY_SHADOW_PAGE,
    [VS_SHADOW_PATH_ENTRY] = VS_HV_ENTRY_SHADOW_ENTRY,
    [VS_SHADOW_PATH_ZAP] = VS_HV_ENTRY_SHADOW_ZAP,
    [VS_SHADOW_PATH_ROOT] = VS_HV_ENTRY_SHADOW_ROOT,
};

/* Runs one of shadow paging's paths. */
static void path(void *ctx, struct vs_txn *t, enum vs_shadow_path p, bool loop)
{
    struct vs_vcpu *v = ctx;
    if (loop) {
        vs_hv_code(&v->hv, t, programs[p]);
    } else {
        vs_hv_run(&v->hv, t, programs[p]);
    }
}

/* Runs the loop of a path n times. */
static void rounds(void *ctx, struct vs_txn *t, enum vs_shadow_path p, uint64_t n)
{
    struct vs_vcpu *v = ctx;
    vs_hv_rounds(&v->hv, t, programs[p], n);
}

enum vs_status host_shadow_make(struct vs_vcpu *v, const struct vs_shadow_config *c, uint64_t cr3,
                                struct vs_errors *errors)
{
    struct vs_platform *p = v->p;
    struct vs_host *h = host_memory_of(v);
    struct vs_core_port core = vs_cpu_core_port(&v->hw->cpu);
    struct vs_shadow_port port = {v, host, flush, path, rounds};
    struct vs_shadow_layout at = {p->layout.host_direct};
    enum vs_status s = VS_OK;
    if (!h->shadow.page) { /* the machine's first vCPU */
        s = vs_shadow_mmu_init(&h->shadow, c, &p->guest_format, (unsigned)p->ept.physical_bits,
                               p->phys, &p->node_frames[p->ept.host_table_node], v->vm->bytes, &at);
    }
    vs_shadow_init(&v->shadow, &h->shadow, &core, &port);
    if (s || !vs_shadow_cr3(&v->shadow, NULL, cr3, false)) {
        vs_error(errors, "vCPU %u: host.memory is too small for its shadow tables", v->index);
        return VS_E_NOMEM;
    }
    v->guest_context.cr3 = vs_shadow_root(&v->shadow);
    return VS_OK;
}

/* ---- exits ---- */

/* The hypervisor's part of a page fault's exit. */
static void work_fault(void *ctx, struct vs_txn *t)
{
    struct work *w = ctx;
    w->result = vs_shadow_fault(&w->v->shadow, t, w->address, &w->error);
    if (w->result == VS_SHADOW_INJECT) {
        vs_hv_inject_exception(&w->v->hv, t, PAGE_FAULT, w->error);
    } else if (w->result == VS_SHADOW_DEVICE) {
        vs_hv_device(&w->v->hv, t);
    }
}

enum vs_fault_end host_shadow_fault(struct vs_vcpu *v, struct vs_translation *f)
{
    struct work w = {.v = v, .address = f->gva.v, .error = f->error_code};
    struct vs_trap e = {.kind = VS_TRAP_EXCEPTION,
                        .number = PAGE_FAULT,
                        .has_error = true,
                        .error_code = f->error_code,
                        .gva = f->gva,
                        .cpl = v->kernel ? 0 : 3};
    struct vs_handling how = {.work = work_fault, .ctx = &w};
    if (!vcpu_trap(v, &e, &how)) {
        vcpu_fail(v, "a page fault under shadow paging that does not exit");
    }
    if (w.result == VS_SHADOW_FULL) {
        vcpu_fail(v, "a page fault at 0x%llx: host.memory is exhausted",
                  (unsigned long long)f->gva.v);
    }
    f->error_code = w.error;
    if (w.result == VS_SHADOW_EMULATED && !v->kernel) {
        vcpu_fail(v, "a program's store to 0x%llx, which holds a page table",
                  (unsigned long long)f->gva.v);
    }
    return w.result == VS_SHADOW_INJECT                                     ? VS__FAULT_GUEST
           : w.result == VS_SHADOW_EMULATED || w.result == VS_SHADOW_DEVICE ? VS__FAULT_DONE
                                                                            : VS__FAULT_AGAIN;
}

/* The guest loads CR3: the shadow of those tables becomes the root. */
static void work_cr3(void *ctx, struct vs_txn *t)
{
    const struct vs_host_work *w = ctx;
    struct vs_vcpu *v = w->v;
    bool good = vs_shadow_cr3(&v->shadow, t, w->trap->value, (w->trap->value & KEEP) != 0);
    v->guest_context.cr3 = vs_shadow_root(&v->shadow);
    vs_hv_guest_cr3(&v->hv, t, v->guest_context.cr3);
    if (!good) {
        vcpu_fail(v, "MOV to CR3 = 0x%llx: no memory of the guest, or host.memory is exhausted",
                  (unsigned long long)w->trap->value);
    }
}

/* The guest drops one page. */
static void work_invlpg(void *ctx, struct vs_txn *t)
{
    const struct vs_host_work *w = ctx;
    vs_shadow_invlpg(&w->v->shadow, t, w->trap->gva);
}

/* The guest drops more: all of this vCPU's roots are synchronised. */
static void work_all(void *ctx, struct vs_txn *t)
{
    const struct vs_host_work *w = ctx;
    vs_shadow_invalidate(&w->v->shadow, t);
}

/* KVM: kvm_mmu_invpcid_gva of one address; and it owns CR4.PGE where there is no EPT. */
bool host_shadow_work(struct vs_host_work *w, struct vs_handling *how)
{
    const struct vs_trap *t = w->trap;
    void (*work)(void *ctx, struct vs_txn *t) = NULL;
    if (t->kind == VS_TRAP_CONTROL_REGISTER && t->write && t->number == 3) {
        w->needed = "MOV to CR3";
        work = work_cr3;
    } else if (t->kind == VS_TRAP_CONTROL_REGISTER && t->owned) {
        w->needed = "MOV to CR4";
        work = work_all;
    } else if (t->kind == VS_TRAP_INVALIDATE && t->scope == VS_TRAP_PAGE) {
        w->needed = "INVLPG";
        work = work_invlpg;
    } else if (t->kind == VS_TRAP_INVALIDATE && t->scope == VS_TRAP_CONTEXT) {
        w->needed = "INVPCID";
        work = t->number == 0 ? work_invlpg : work_all; /* type 0: one page */
    }
    w->by = "shadow paging";
    *how = (struct vs_handling){.work = work, .ctx = w};
    return work != NULL;
}
