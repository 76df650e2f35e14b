/* SPDX-License-Identifier: MIT */
/* A hypervisor in the guest (hypervisor.nesting): its memory, its kernel's address space, its
 * programs; and what a machine has to be for that. */
#include "cpu/nested.h"
#include "machine_impl.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define L1_MEMORY (UINT64_C(64) << 20) /* its kernel, its user space and their tables */

void machine_nested_check(const struct vs_platform *p, const struct machine_configs *c,
                          unsigned n_vcpus, struct vs_errors *errors)
{
    const char *is = "hypervisor.nesting = 1";
    const struct vs_program_set *set = p->programs[VS_ROLE_HYPERVISOR];
    if (!c->hypervisor.nesting) {
        return;
    }
    bool second =
        p->ept.mode == VS_EPT_EPT || p->ept.mode == VS_EPT_NPT || p->ept.mode == VS_EPT_STAGE2;
    if (!second || !p->kind || !p->kind->nests) {
        vs_error(errors,
                 "%s: a hypervisor in a guest is simulated on Intel's processors (VMX) with "
                 "paging.mode = ept, on AMD's (SVM) with paging.mode = npt and on Arm's with "
                 "paging.mode = stage2; skylake_sp_kvm is such a machine, and zen3_milan_kvm",
                 is);
        return;
    }
    if (vs_program_set_find(set, vs_trap_name(VS_TRAP_NESTED_EXIT)) == VS_PROGRAM_NONE) {
        vs_error(errors,
                 "%s: %s has no program for the trap %s: it is no hypervisor that runs others in "
                 "its guests; hypervisor = kvm is one",
                 is, set->desc->file, vs_trap_name(VS_TRAP_NESTED_EXIT));
    }
    if (p->avic) {
        vs_error(
            errors,
            "%s: KVM leaves AVIC off while a guest of its guest runs, whose interrupts are not "
            "simulated: svm.avic = 0",
            is);
    }
    if (p->posts_timer) {
        vs_error(errors,
                 "%s: a timer that another processor posts (hypervisor.post_timer = 1) is one of a "
                 "guest, not of a guest's guest: hypervisor.post_timer = 0",
                 is);
    }
    if (n_vcpus > 1u && p->built.vms) {
        vs_error(errors, "%s: of one virtual machine with %u vCPUs: guest.vms = one", is, n_vcpus);
    }
    if (n_vcpus > 1u && p->os.shootdown == VS__HYPERCALL) {
        vs_error(errors,
                 "%s: a flush that a guest asks its hypervisor for is not one of a guest's guest: "
                 "guest.shootdown = ipi",
                 is);
    }
    for (unsigned i = 0; i < p->n_pins; i++) {
        if (machine_shared(p, p->pin[i])) {
            vs_error(errors,
                     "%s: processor %u is shared (vcpu.<i>.cpu, host.cpus, worker.threads): each "
                     "vCPU of a guest hypervisor has one to itself",
                     is, p->pin[i]);
            break;
        }
    }
    if (p->ept.host_page == VS_EPT_THP) {
        vs_error(errors,
                 "%s: both hypervisors have pages of one size: host.page_size = 4K, 2M or 1G", is);
    }
    if (p->host_cfg.dirty_method != VS_DIRTY_OFF || p->pml) {
        vs_error(errors,
                 "%s: the log of written pages is one of a guest, not of a guest's guest: "
                 "host.dirty_log.method = off",
                 is);
    }
}

/* A hypervisor's memory of that size, whose pages come from `data`, NULL: from the host's. */
static enum vs_status make_memory(struct vs_platform *p, struct vs_vm *vm, uint64_t bytes,
                                  struct vs_frames *data)
{
    enum vs_status s =
        vs_vm_init_format(vm, &p->second_format, p->phys, &p->node_frames[p->ept.host_table_node],
                          bytes, vs_ept_page_shift(p->ept.host_page),
                          (enum vs_frames_order)p->ept.guest_frames, p->options.seed + 101u);
    if (!s && (data || p->nodes > 1u)) {
        vs_vm_place(vm, data ? data : &p->node_frames[p->ept.data_node],
                    &p->node_frames[p->ept.guest_table_node]);
    }
    return s;
}

enum vs_status machine_nested_memory(struct vs_platform *p, struct vs_errors *errors)
{
    struct vs_nested_memory *m = p->nested = calloc(1, sizeof *m);
    enum vs_status s =
        m ? make_memory(p, &m->vm, p->ept.guest_memory + L1_MEMORY, NULL) : VS_E_NOMEM;
    s = s ? s : guest_mm_make_hypervisor(p, &m->space, &m->vm);
    s = s ? s : make_memory(p, &m->ept12, p->ept.guest_memory, &m->vm.guest);
    if (s) {
        vs_error(errors, "host.memory is too small for the hypervisor in the guest");
        return s;
    }
    p->vm[0].inner = &m->ept12; /* EPT02 */
    p->vm[0].outer = &m->vm;
    return VS_OK;
}

/* L1 gives its guest a page: EPT12 has it. Its own memory is there: L0 has backed it before. */
static bool map12(void *ctx, struct vs_txn *t, vs_gpa at, unsigned *page_shift, vs_hpa *frame)
{
    struct vs_nested_memory *m = ctx;
    (void)t; /* the tables' stores are part of the handler's data */
    if (vs_vm_back(&m->ept12, at.v) || !vs_vm_leaf(&m->ept12, at.v, &frame->v, page_shift) ||
        vs_vm_back(&m->vm, frame->v)) {
        return false;
    }
    frame->v &= ~((1ull << *page_shift) - 1u);
    return true;
}

/* Says whether an address is memory of the guest's guest. */
static bool is_memory(void *ctx, vs_gpa at)
{
    const struct vs_nested_memory *m = ctx;
    return vs_vm_is_memory(&m->ept12, at.v);
}

/* Says whether the guest hypervisor has backed an address of its guest. */
static bool is_backed(void *ctx, vs_gpa at)
{
    const struct vs_nested_memory *m = ctx;
    uint64_t of_l1;
    return vs_vm_locate(&m->ept12, at.v, &of_l1);
}

enum vs_status machine_nested_make(struct vs_vcpu *v, const struct machine_configs *c,
                                   const struct vs_core_port *core)
{
    struct vs_platform *p = v->p;
    struct vs_nested_memory *m = p->nested;
    struct vs_nested *n = v->nested = calloc(1, sizeof *n);
    struct vs_hypervisor_config config = c->hypervisor;
    char name[48];
    if (!n) {
        return VS_E_NOMEM;
    }
    n->memory = m;
    snprintf(name, sizeof name, "vcpu%u/l1", v->index);
    n->actor = vs_ledger_actor(p->ledger, name);
    n->context = (struct vs_ept_context){p->vpid ? (uint16_t)(v->index + 0x101u) : 0, 0,
                                         m->space.cr3, m->vm.ept_root, 0};
    config.nesting = 0;
    struct vs_state_port state = host_nested_state(v);
    struct vs_slat_port slat = {m, map12, is_memory, is_backed, m->ept12.host_shift};
    enum vs_status s = vs_hv_init(&n->hv, &config, p->programs[VS_ROLE_HYPERVISOR],
                                  p->program_values[VS_ROLE_HYPERVISOR], p->ledger, v->hw->clock,
                                  v->index, core, &state, &slat);
    n->hv.affected = v->hv.affected;
    n->hv.affected.l1tf = false; /* ARCH_CAP_SKIP_VMENTRY_L1DFLUSH, which L0 tells its guest */
    vs_ledger_counters(p->ledger, n->actor, &vs_hypervisor_desc, n->hv.count);
    v->hv.nested = &n->port;
    return s;
}

void machine_nested_free(struct vs_vcpu *v)
{
    if (v->nested) {
        vs_hv_free(&v->nested->hv);
        free(v->nested);
    }
}

void machine_nested_memory_free(struct vs_platform *p)
{
    if (p->nested) {
        vs_vm_free(&p->nested->ept12);
        vs_vm_free(&p->nested->vm);
        free(p->nested);
    }
}
