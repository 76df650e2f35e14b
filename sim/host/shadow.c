/* SPDX-License-Identifier: MIT */
/* paging.mode = shadow: which exits there are, and what their handlers do to the shadow tables. */
#include "cpu/vcpu.h"

#define PAGE_FAULT 14u
#define PF_RESERVED 9u /* present and reserved bit set: how KVM marks device pages */
#define CODE 0xf00000u /* in VS_HV_CODE, after the programs */
#define INVLPG_LENGTH 3u
#define CR_LENGTH 3u /* bytes of MOV to CR */

/* The one thing the present exit is about. */
struct work {
    struct vs_vcpu *v;
    uint64_t address; /* or value of CR3 */
    uint32_t error;
    bool keep, good;
    enum vs_shadow_result result;
};

/* ---- the hypervisor around it ---- */

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
        vs__remote_flush(v, t);
        v->flush_due = false;
    }
    vs__host_flush_linear(v, t, what == VS_SHADOW_FLUSH_PAGE, at);
}

void vs__vcpu_shadow_controls(struct vs_vmcs_config *c)
{
    c->control_ept = c->control_unrestricted_guest = 0;
    c->control_invlpg_exiting = c->control_cr3_load_exiting = c->control_cr3_store_exiting = 1;
}

enum vs_status vs__vcpu_shadow_make(struct vs_vcpu *v, const struct vs_shadow_config *c,
                                    struct vs_errors *errors)
{
    struct vs_platform *p = v->p;
    struct vs_host *h = vs__host_of(v);
    struct vs_core_port core = vs_cpu_core_port(&v->cpu);
    struct vs_shadow_port port = {v, host, flush};
    struct vs_shadow_layout at = {VS_HV_CODE + CODE, p->layout.host_direct};
    enum vs_status s = VS_OK;
    if (!h->shadow.page) { /* the machine's first vCPU */
        s = vs_shadow_mmu_init(&h->shadow, c, &p->guest_format, (unsigned)p->ept.physical_bits,
                               p->phys, &p->node_frames[p->ept.host_table_node], v->vm->bytes, &at);
    }
    vs_shadow_init(&v->shadow, &h->shadow, &core, &port);
    if (s || !vs_shadow_cr3(&v->shadow, NULL, v->space.cr3, false)) {
        vs_error(errors, "vCPU %u: host.memory is too small for its shadow tables", v->index);
        return VS_E_NOMEM;
    }
    v->guest_context.cr3 = vs_shadow_root(&v->shadow);
    return VS_OK;
}

/* ---- exits ---- */

static bool leave(struct vs_vcpu *v, void (*what)(void *ctx, struct vs_txn *t), struct work *w,
                  const struct vs_trap *trap)
{
    struct vs_handling how = {.work = what, .ctx = w};
    return vs__vcpu_trap(v, trap, &how);
}

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

enum vs_shadow_result vs__vcpu_shadow_fault(struct vs_vcpu *v, struct vs_translation *f)
{
    struct work w = {.v = v, .address = f->gva.v, .error = f->error_code};
    struct vs_trap e = {.kind = VS_TRAP_EXCEPTION,
                        .number = PAGE_FAULT,
                        .has_error = true,
                        .error_code = f->error_code,
                        .gva = f->gva};
    if (!leave(v, work_fault, &w, &e)) {
        vs__vcpu_fail(v, "a page fault under shadow paging that does not exit");
    }
    if (w.result == VS_SHADOW_FULL) {
        vs__vcpu_fail(v, "a page fault at 0x%llx: host.memory is exhausted",
                      (unsigned long long)f->gva.v);
    }
    f->error_code = w.error;
    return w.result;
}

static void work_cr3(void *ctx, struct vs_txn *t)
{
    struct work *w = ctx;
    w->good = vs_shadow_cr3(&w->v->shadow, t, w->address, w->keep);
    w->v->guest_context.cr3 = vs_shadow_root(&w->v->shadow);
    vs_hv_guest_cr3(&w->v->hv, t, w->v->guest_context.cr3);
}

bool vs__vcpu_shadow_cr3(struct vs_vcpu *v, const struct vs_trap *e, bool keep)
{
    struct work w = {.v = v, .address = e->value, .keep = keep, .good = true};
    bool left = leave(v, work_cr3, &w, e);
    if (!left || !w.good) {
        vs__vcpu_fail(v, "MOV to CR3 = 0x%llx: %s", (unsigned long long)e->value,
                      left ? "no memory of the guest, or host.memory is exhausted"
                           : "it does not exit, but shadow paging needs that");
    }
    return left;
}

static void work_invlpg(void *ctx, struct vs_txn *t)
{
    struct work *w = ctx;
    vs_gva at = {w->address};
    vs_shadow_invlpg(&w->v->shadow, t, at);
}

void vs__vcpu_shadow_invlpg(struct vs_vcpu *v, uint64_t at)
{
    struct work w = {.v = v, .address = at};
    struct vs_trap e = {
        .kind = VS_TRAP_INVALIDATE, .scope = VS_TRAP_PAGE, .gva = {at}, .length = INVLPG_LENGTH};
    if (!leave(v, work_invlpg, &w, &e)) {
        vs__vcpu_fail(v, "INVLPG does not exit, but shadow paging needs that");
    }
}

/* KVM: kvm_mmu_invpcid_gva of one address; of more, all of this vCPU's roots are synchronised. */
static void work_invpcid(void *ctx, struct vs_txn *t)
{
    struct work *w = ctx;
    if (w->keep) {
        work_invlpg(ctx, t);
        return;
    }
    vs_shadow_invalidate(&w->v->shadow, t);
}

void vs__vcpu_shadow_invpcid(struct vs_vcpu *v, const struct vs_trap *e)
{
    struct work w = {.v = v, .address = e->gva.v, .keep = e->number == 0}; /* type 0: one page */
    if (!leave(v, work_invpcid, &w, e)) {
        vs__vcpu_fail(v, "INVPCID does not exit, but shadow paging needs that");
    }
}

/* KVM owns CR4.PGE where there is no EPT. */
void vs__vcpu_shadow_cr4(struct vs_vcpu *v)
{
    struct work w = {.v = v};
    struct vs_trap e = {
        .kind = VS_TRAP_CONTROL_REGISTER, .number = 4, .write = true, .length = CR_LENGTH};
    struct vs_handling how = {.work = work_invpcid, .ctx = &w};
    vs__vcpu_trap_always(v, &e, &how);
}

void vs__vcpu_shadow_mmio(struct vs_vcpu *v, uint64_t at)
{
    struct vs_trap e = {.kind = VS_TRAP_EXCEPTION,
                        .number = PAGE_FAULT,
                        .has_error = true,
                        .error_code = PF_RESERVED,
                        .gva = {at}};
    struct vs_handling how = {.device = true};
    vs__vcpu_trap(v, &e, &how);
}
