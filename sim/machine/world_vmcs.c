/* SPDX-License-Identifier: MIT */
/* Intel's VMX in a machine: controls as its paging, APIC and dirty log need them, a VMCS for each
 * vCPU, bitmaps as KVM has them. */
#include "host/host.h"
#include "nested_vmcs.h"
#include "world.h"

#include "vmcs/vmcs_world.h"
#include "virtsim/x2apic.h"

#include <string.h>

#define POSTED_VECTOR 0xf2u /* Linux's POSTED_INTR_VECTOR */
/* SDM 3C table 25-9: format of the EPT pointer */
#define EPTP_WRITE_BACK 6u
#define EPTP_FOUR_LEVELS (3u << 3)
#define EPTP_FIVE_LEVELS (4u << 3)
#define EPTP_ACCESSED_DIRTY (1u << 6)
/* Bits of IA32_VMX_EPT_VPID_CAP, SDM 3D A.10 */
#define CAP_EXECUTE_ONLY 0u
#define CAP_FIVE_LEVELS 7u
#define CAP_ACCESSED_DIRTY 21u

#define PAGES 12u /* of one vCPU */

struct vmx_config {
    struct vs_vmcs_config vmcs; /* first: what most look for */
    struct vs_nested_config nested;
};

struct vmx {
    struct vs_vmx x;
    struct vs_vmx_nested nested;
    uint64_t page[PAGES];
    uint64_t list; /* of EPTPs: the machine's; 0: there is none */
};

/* Takes VMX's knobs; shadow paging and xAPIC decide some controls. */
static void load(struct vs_platform *p, const struct vs_knobs *k, void *config)
{
    struct vmx_config *both = config;
    struct vs_vmcs_config *c = &both->vmcs;
    vs_knobs_load(k, &vs_vmcs_desc, c);
    vs_knobs_load(k, &vs_nested_desc, &both->nested);
    if (p->ept.mode == VS_EPT_SHADOW) { /* no hypervisor could leave them otherwise */
        c->control_ept = c->control_unrestricted_guest = 0;
        c->control_invlpg_exiting = c->control_cr3_load_exiting = c->control_cr3_store_exiting = 1;
    }
    if (p->xapic) { /* KVM's vmx_set_virtual_apic_mode */
        c->control_virtualize_x2apic = 0;
        c->control_virtualize_apic_accesses = 1;
    }
    if (p->host_cfg.dirty_method == VS_DIRTY_PML) {
        c->control_pml = 1;
    }
    p->vpid = c->control_vpid != 0;
    p->vid = c->control_virtual_interrupt_delivery != 0;
    p->posted = p->vid && c->control_posted_interrupts;
    p->posts_timer = p->posted && !c->control_hlt_exiting; /* if the hypervisor wants that */
    p->apic_registers = c->control_apic_register_virtualization != 0;
    p->pml = p->ept.mode == VS_EPT_EPT && c->control_pml;
    p->preempts = c->control_preemption_timer != 0;
    p->timer_shift = (unsigned)c->cap_misc & 31u; /* IA32_VMX_MISC[4:0] */
    p->vm_functions = c->control_vm_functions != 0;
    p->eptp_switching = p->vm_functions && c->vm_functions & 1u;
    p->invpcid = c->control_invpcid != 0;
    p->flushes_at_once = true;
}

/* ---- what the processor at hand does not have, whatever a hypervisor asks for ---- */

/* Adds that a knob needs a bit of IA32_VMX_EPT_VPID_CAP that is 0. */
static void need(const char *what, unsigned bit, uint64_t cap, struct vs_errors *errors)
{
    if (!(cap >> bit & 1u)) {
        vs_error(errors, "%s = 1 needs bit %u of vmcs.cap.ept_vpid = 0x%llx", what, bit,
                 (unsigned long long)cap);
    }
}

/* Adds what EPT's knobs need of capabilities and controls. */
static void check_ept(const struct vs_ept_config *e, const struct vs_vmcs_config *c,
                      struct vs_errors *errors)
{
    if (e->ept_ad) {
        need("ept.accessed_dirty", CAP_ACCESSED_DIRTY, c->cap_ept_vpid, errors);
    }
    if (e->execute_only) {
        need("ept.execute_only", CAP_EXECUTE_ONLY, c->cap_ept_vpid, errors);
    }
    if (e->mbec != c->control_mode_based_execute) {
        vs_error(errors,
                 "ept.mode_based_execute = %llu and vmcs.control.mode_based_execute = %llu: the "
                 "control decides how EPT entries are read, both must be the same",
                 (unsigned long long)e->mbec, (unsigned long long)c->control_mode_based_execute);
    }
    if (!c->control_ept) {
        vs_error(errors, "paging.mode = ept needs vmcs.control.ept = 1");
    }
}

/* Adds what is wrong with controls, capabilities and what needs them. */
static void check(const struct vs_platform *p, const void *config, struct vs_errors *errors)
{
    const struct vs_vmcs_config *c = config;
    vs_vmcs_check(c, errors);
    if (p->ept.mode == VS_EPT_EPT) {
        check_ept(&p->ept, c, errors);
    }
    if (p->second_format.levels == 5 && !(c->cap_ept_vpid >> CAP_FIVE_LEVELS & 1u)) {
        vs_error(errors,
                 "host.levels = 5 needs bit 7 of vmcs.cap.ept_vpid = 0x%llx (a page walk of five "
                 "levels)",
                 (unsigned long long)c->cap_ept_vpid);
    }
    if (c->control_pml && (p->ept.mode != VS_EPT_EPT || !p->ept.ept_ad)) {
        vs_error(errors, "vmcs.control.pml = 1 needs paging.mode = ept and "
                         "ept.accessed_dirty = 1: the log follows EPT's dirty flags");
    }
}

/* ---- one vCPU ---- */

/* Gives a vCPU its VMX: controls, world switch, posted interrupts. */
static enum vs_status make(struct vs_vcpu *v, struct vs_errors *errors)
{
    struct vs_platform *p = v->p;
    struct vmx *m = v->world_ctx;
    struct vs_vmx_wiring w = {.ledger = p->ledger,
                              .clock = v->hw->clock,
                              .phys = p->phys,
                              .mem = vs_memory_walker_port(&v->hw->core),
                              .tlb = vs__platform_tlb(v),
                              .guest_actor = v->guest,
                              .host_actor = v->host};
    enum vs_status s = vs_vmx_init(&m->x, p->kind_config, &w);
    if (s) {
        vs_error(errors, "vCPU %u: %s", v->index, vs_status_text(s));
        return s;
    }
    v->world = vs_vmx_world(&m->x);
    v->state = vs_vmx_state_port(&m->x);
    return VS_OK;
}

/* An MSR whose reads, or writes, do not exit. Layout: SDM 3C 25.6.9, reads in the first half. */
static void pass(unsigned char bits[4096], uint32_t msr, bool write)
{
    uint32_t index = msr & 0x1fffu, at = (write ? 2048u : 0) + (msr >> 31 ? 1024u : 0) + index / 8u;
    bits[at] &= (unsigned char)~(1u << (index & 7u));
}

/* The bitmap intercepts every MSR but those KVM passes through: vmx_possible_passthrough_msrs, but
 * writes of the TSC; and, as vmx_update_msr_bitmap_x2apic has it, of the x2APIC's the TPR where
 * x2APIC mode is virtualized, with APICv all reads but that of the timer's count, and the writes
 * that the processor carries out: EOI and SELF IPI. */
static void intercept_msrs(struct vs_platform *p, vs_hpa bitmap)
{
    static const uint32_t passed[] = {0xc0000100u, 0xc0000101u, 0xc0000102u, 0x174u, 0x175u,
                                      0x176u,      0x10u,       0x48u,       0x49u};
    const struct vs_vmcs_config *c = p->kind_config;
    unsigned char bits[4096];
    memset(bits, 0xff, sizeof bits);
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++) {
        pass(bits, passed[i], false);
        if (passed[i] != 0x10u) {
            pass(bits, passed[i], true);
        }
    }
    for (uint32_t reg = 0; p->apic_registers && reg < VS_APIC_REGISTERS; reg++) {
        if (reg != VS_APIC_CURRENT_COUNT) {
            pass(bits, VS_X2APIC_MSR(reg), false);
        }
    }
    if (c->control_virtualize_x2apic) {
        pass(bits, VS_X2APIC_MSR(VS_APIC_TPR), false);
        pass(bits, VS_X2APIC_MSR(VS_APIC_TPR), true);
    }
    if (p->vid) {
        pass(bits, VS_X2APIC_MSR(VS_APIC_EOI), true);
        pass(bits, VS_X2APIC_MSR(VS_APIC_SELF_IPI), true);
    }
    vs_phys_write(p->phys, bitmap, bits, sizeof bits);
}

/* It has its processor to itself: else its beginning and end would be others' time, too. */
static bool apart(const struct vs_vcpu *v)
{
    return !v->own && !v->nested;
}

/* Its machine is made in time. */
static bool in_time(const struct vs_vcpu *v)
{
    const struct vs_vmcs_config *c = v->p->kind_config;
    return c->created_in_time && apart(v);
}

/* The list of EPTPs is one for all vCPUs of a machine, as they have one second dimension. */
static enum vs_status share_list(struct vs_vcpu *v, struct vs_errors *errors)
{
    struct vmx *m = v->world_ctx;
    for (unsigned i = 0; i < v->index; i++) {
        const struct vs_vcpu *o = &v->p->vcpu[i];
        if (o->vm == v->vm) {
            m->list = ((const struct vmx *)o->world_ctx)->list;
            return VS_OK;
        }
    }
    return vs__world_pages(v, &m->list, 1, errors);
}

/* Gives the vCPU its VMCS and its pages, and brings it to before its first instruction in the
 * guest. */
static enum vs_status start(struct vs_vcpu *v, uint64_t *descriptor, struct vs_errors *errors)
{
    struct vs_platform *p = v->p;
    struct vmx *m = v->world_ctx;
    const struct vs_vmcs_config *c = p->kind_config;
    uint64_t *page = m->page;
    const struct vs_program_set *set = v->hv.software.set;
    if (c->list_use && vs_program_set_find(set, "list_register") == VS_PROGRAM_NONE) {
        vs_error(errors, "vmcs.msr_list.use: %s has no steps for it; Xen has", set->desc->file);
        return VS_E_CONFIG;
    }
    enum vs_status st = vs__world_pages(v, page, PAGES, errors);
    if (st) {
        return st;
    }
    struct vs_vmx_setup s = {
        .vmxon = {page[0]},
        .vmcs = {page[1]},
        .msr_bitmap = {page[2]},
        .io_bitmap_a = {page[3]},
        .io_bitmap_b = {page[4]},
        .virtual_apic = {page[5]},
        .apic_access = {page[6]},
        .posted_descriptor = {page[7]},
        .pml = {page[8]},
        .exit_store = {page[9]},
        .exit_load = {page[10]},
        .entry_load = {page[11]},
        .eptp = v->vm->ept_root | EPTP_WRITE_BACK |
                (p->second_format.levels == 5 ? EPTP_FIVE_LEVELS : EPTP_FOUR_LEVELS) |
                (p->ept.ept_ad ? EPTP_ACCESSED_DIRTY : 0),
        .vpid = v->guest_context.vpid ? v->guest_context.vpid : (uint16_t)(v->index + 1u),
        .exceptions = p->shadow ? 1u << 14 : 0, /* #PF */
        .posted_vector = POSTED_VECTOR,
        .host_cr3 = v->hw->host_space.cr3,
        .host_rip = VS_HV_CODE,
        .host_rsp = VS_HV_DATA + 0x8000u,
        .guest_cr3 = v->guest_context.cr3,
        .guest_rip = 0x10000000000u,
        .guest_rsp = 0x10000001000u};
    if (p->level_vector) { /* vmx_load_eoi_exitmap */
        s.eoi_exits[p->level_vector / 64u] = UINT64_C(1) << p->level_vector % 64u;
    }
    if (c->vm_functions) {
        st = share_list(v, errors);
        if (st) {
            return st;
        }
        s.eptp_list.v = m->list;
        vs_phys_write64(p->phys, s.eptp_list, s.eptp);
    }
    intercept_msrs(p, s.msr_bitmap);
    v->hw->ept.pml = (struct vs_ept_pml){p->pml, s.pml.v, VS_EPT_PML_ENTRIES - 1u};
    enum vs_vmx_result r;
    if (v->nested) {
        m->nested.config = ((const struct vmx_config *)p->kind_config)->nested;
        st = machine_nested_vmcs(v, &m->x, &m->nested, &s, &r, errors);
        if (st) {
            return st;
        }
    } else {
        r = vs_vmx_setup_default(&m->x, &s);
        if (r == VS_VMX_OK && !in_time(v)) {
            r = vs_vmx_enter(&m->x, NULL, VS_VMX_LAUNCH);
        }
    }
    if (r != VS_VMX_OK) {
        uint64_t error = 0;
        vs_vmx_read(&m->x, NULL, VS_VMCS_INSTRUCTION_ERROR, &error);
        vs_error(errors,
                 "vCPU %u: the first VM entry is refused (result %d, VM-instruction error %llu): "
                 "vmcs.control.* and vmcs.cap.* do not fit",
                 v->index, (int)r, (unsigned long long)error);
        return VS_E_CONFIG;
    }
    *descriptor = page[7];
    return VS_OK;
}

/* One of the hypervisor's programs that only machines' lives need, by its name. */
static void run_path(struct vs_vcpu *v, const char *name)
{
    uint16_t path = vs_program_set_find(v->hv.software.set, name);
    if (path != VS_PROGRAM_NONE) {
        (void)vs_program_run(&v->hv.software, &v->txn, path);
    }
}

/* KVM_CREATE_VM, KVM_CREATE_VCPU and the first KVM_RUN, on the processor that will run the guest:
 * the kernel's paths, the pages that are cleared, the instructions of VMX. */
static bool create(struct vs_vcpu *v)
{
    struct vmx *m = v->world_ctx;
    const struct vs_core_port core = vs_cpu_core_port(&v->hw->cpu);
    if (!in_time(v)) {
        return true;
    }
    vcpu_world(v, true);
    vs_open(&v->txn, vs_vmx_create_op());
    run_path(v, "vm_create");
    for (unsigned i = 0; i <= PAGES; i++) { /* and the root of the second dimension */
        vs_gva at = {v->hv.direct_at + (i < PAGES ? m->page[i] : v->vm->ept_root)};
        core.store_string(core.ctx, &v->txn, at, 4096);
    }
    vs_txn_settle(&v->txn);
    m->x.last = vs_vmx_build(&m->x, &v->txn, (vs_hpa){m->page[0]}, (vs_hpa){m->page[1]});
    vs_txn_actor(&v->txn, v->host);
    vs_close(&v->txn);
    return m->x.last == VS_VMX_OK;
}

/* A signal makes the vCPU's thread leave KVM_RUN, and its process ends: kvm_vcpu_release, of the
 * last one kvm_destroy_vm; a processor without a guest leaves VMX operation. */
static void destroy(struct vs_vcpu *v, bool last)
{
    struct vmx *m = v->world_ctx;
    const struct vs_vmcs_config *c = v->p->kind_config;
    const struct vs_vmx_exit_info kick = {.reason = VS_EXIT_EXTERNAL_INTERRUPT};
    if (!c->destroyed_in_time || !apart(v) || !m->x.in_guest) {
        return;
    }
    vs_txn_settle(&v->txn);
    vs_txn_actor(&v->txn, v->host);
    vs_open(&v->txn, vs_vmx_destroy_op());
    m->x.last = vs_vmx_exit(&m->x, &v->txn, &kick);
    vcpu_world(v, true);
    run_path(v, "vcpu_destroy");
    if (last) {
        run_path(v, "vm_destroy");
        if (v->p->ept.mode == VS_EPT_EPT) {
            host_memory_teardown(v, &v->txn);
        }
    }
    vs_txn_settle(&v->txn);
    m->x.last = vs_vmx_end(&m->x, &v->txn);
    vs_close(&v->txn);
}

const struct vs_world_kind vs__world_vmx = {
    .name = "VMX",
    .desc = &vs_vmcs_desc,
    .also = {&vs_nested_desc},
    .vendor = VS_VENDOR_INTEL,
    .nests = true,
    .ops = vs_vmx_register,
    .facts = vs_vmx_facts,
    .config = sizeof(struct vmx_config),
    .bytes = sizeof(struct vmx),
    .load = load,
    .check = check,
    .make = make,
    .start = start,
    .create = create,
    .destroy = destroy,
};
