/* SPDX-License-Identifier: MIT */
/*
 * A complete VMCS as a KVM-like hypervisor leaves it for a 64-bit guest: the control words come
 * from the knobs vmcs.control.*, bits that the processor demands are added, all other state is that
 * of a Linux guest under a Linux host.
 */
#include "vmcs/vmcs_impl.h"

#define PAT_LINUX                                                                                  \
    UINT64_C(0x0407050600070106)       /* WB WT UC- UC WB WP UC- WT, Linux arch/x86/mm/pat */
#define CR0_LINUX UINT64_C(0x80050033) /* PE MP ET NE WP AM PG */
#define EFER_LONG UINT64_C(0xd01)      /* SCE LME LMA NXE */

/* Writes the control words of the configuration. */
static void write_controls(struct vs_vmx *x)
{
    const struct vs_vmcs_config *c = &x->config;
    uint64_t PIN = 0, PROC = VS_PROC_SECONDARY, PROC2 = 0, EXIT = VS_EXIT_HOST_64,
             ENTRY = VS_ENTRY_GUEST_64;
#define VS_VMCS_CONTROL(name, word, bit, on, text) word |= c->control_##name ? VS_VMX_BIT(bit) : 0;
#include "vmcs/vmcs_controls.def"
#undef VS_VMCS_CONTROL
    if (!PROC2 || !(c->cap_proc >> 32 & VS_PROC_SECONDARY)) {
        PROC &= ~VS_PROC_SECONDARY;
    }
    VS_PUT(x, PIN_CONTROLS, PIN | (c->cap_pin & 0xffffffff));
    VS_PUT(x, PROC_CONTROLS, PROC | (c->cap_proc & 0xffffffff));
    VS_PUT(x, PROC2_CONTROLS, PROC2 | (PROC2 ? c->cap_proc2 & 0xffffffff : 0));
    VS_PUT(x, EXIT_CONTROLS, EXIT | (c->cap_exit & 0xffffffff));
    VS_PUT(x, ENTRY_CONTROLS, ENTRY | (c->cap_entry & 0xffffffff));
    VS_PUT(x, GUEST_PREEMPTION_TIMER, UINT32_MAX); /* KVM: no deadline yet */
    VS_PUT(x, PLE_GAP, c->ple_gap);
    VS_PUT(x, PLE_WINDOW, c->ple_window);
    VS_PUT(x, VM_FUNCTION_CONTROLS, c->vm_functions);
    VS_PUT(x, XSS_EXITING_BITMAP, c->xss_exiting_bitmap);
    VS_PUT(x, TSC_MULTIPLIER, UINT64_C(1) << 48);
    VS_PUT(x, CR0_SHADOW, CR0_LINUX);
    VS_PUT(x, CR4_SHADOW, 0x6f0);
    VS_PUT(x, CR4_MASK, VS_VMX_BIT(13)); /* the guest must not see VMXE */
}

/* Writes bitmaps, pages and pointers. */
static void write_addresses(struct vs_vmx *x, const struct vs_vmx_setup *s)
{
    /* #DB, #UD, #AC, #MC: what KVM asks for without debugging */
    VS_PUT(x, EXCEPTION_BITMAP, 0x60042u | s->exceptions);
    VS_PUT(x, MSR_BITMAP, s->msr_bitmap.v);
    VS_PUT(x, IO_BITMAP_A, s->io_bitmap_a.v);
    VS_PUT(x, IO_BITMAP_B, s->io_bitmap_b.v);
    VS_PUT(x, VIRTUAL_APIC_ADDRESS, s->virtual_apic.v);
    VS_PUT(x, APIC_ACCESS_ADDRESS, s->apic_access.v);
    VS_PUT(x, POSTED_INTERRUPT_DESCRIPTOR, s->posted_descriptor.v);
    VS_PUT(x, POSTED_INTERRUPT_VECTOR, s->posted_vector);
    VS_PUT(x, PML_ADDRESS, s->pml.v);
    VS_PUT(x, GUEST_PML_INDEX, 511);
    VS_PUT(x, EPT_POINTER, s->eptp);
    VS_PUT(x, EPTP_LIST_ADDRESS, s->eptp_list.v);
    for (unsigned i = 0; i < 4; i++) {
        vs_vmx_put(x, VS_VMCS_AT_EOI_EXIT_BITMAP_0 + i, s->eoi_exits[i]);
    }
    VS_PUT(x, VPID, s->vpid);
    VS_PUT(x, EXIT_MSR_STORE_ADDRESS, s->exit_store.v);
    VS_PUT(x, EXIT_MSR_STORE_COUNT, s->exit_stores);
    VS_PUT(x, EXIT_MSR_LOAD_ADDRESS, s->exit_load.v);
    VS_PUT(x, EXIT_MSR_LOAD_COUNT, s->exit_loads);
    VS_PUT(x, ENTRY_MSR_LOAD_ADDRESS, s->entry_load.v);
    VS_PUT(x, ENTRY_MSR_LOAD_COUNT, s->entry_loads);
    VS_PUT(x, VMCS_LINK_POINTER, UINT64_MAX);
}

/* Writes the state of the host's kernel. */
static void write_host(struct vs_vmx *x, const struct vs_vmx_setup *s)
{
    const uint64_t kernel = UINT64_C(0xffff888000000000);
    VS_PUT(x, HOST_CR0, CR0_LINUX | x->config.cap_cr0_fixed0);
    VS_PUT(x, HOST_CR3, s->host_cr3);
    VS_PUT(x, HOST_CR4, (0x26f0 | x->config.cap_cr4_fixed0) & x->config.cap_cr4_fixed1);
    VS_PUT(x, HOST_RIP, s->host_rip);
    VS_PUT(x, HOST_RSP, s->host_rsp);
    VS_PUT(x, HOST_CS_SELECTOR, 0x10);
    VS_PUT(x, HOST_SS_SELECTOR, 0x18);
    VS_PUT(x, HOST_TR_SELECTOR, 0x40);
    VS_PUT(x, HOST_GS_BASE, kernel + 0x10000);
    VS_PUT(x, HOST_TR_BASE, kernel + 0x20000);
    VS_PUT(x, HOST_GDTR_BASE, kernel + 0x30000);
    VS_PUT(x, HOST_IDTR_BASE, kernel + 0x40000);
    VS_PUT(x, HOST_SYSENTER_CS, 0x10);
    VS_PUT(x, HOST_SYSENTER_ESP, kernel + 0x50000);
    VS_PUT(x, HOST_SYSENTER_EIP, kernel + 0x60000);
    VS_PUT(x, HOST_PAT, PAT_LINUX);
    VS_PUT(x, HOST_EFER, EFER_LONG);
}

/* Writes one of the guest's segments. */
static void write_segment(struct vs_vmx *x, unsigned index, uint64_t selector, uint64_t limit,
                          uint64_t rights)
{
    vs_vmx_put(x, VS_VMCS_AT_GUEST_ES_SELECTOR + index, selector);
    vs_vmx_put(x, VS_VMCS_AT_GUEST_ES_LIMIT + index, limit);
    vs_vmx_put(x, VS_VMCS_AT_GUEST_ES_RIGHTS + index, rights);
    vs_vmx_put(x, VS_VMCS_AT_GUEST_ES_BASE + index, 0);
}

/* Writes the state of a guest's kernel under way. */
static void write_guest(struct vs_vmx *x, const struct vs_vmx_setup *s)
{
    const uint64_t kernel = UINT64_C(0xffff888000000000);
    VS_PUT(x, GUEST_CR0, CR0_LINUX | x->config.cap_cr0_fixed0);
    VS_PUT(x, GUEST_CR3, s->guest_cr3);
    VS_PUT(x, GUEST_CR4, (0x26f0 | x->config.cap_cr4_fixed0) & x->config.cap_cr4_fixed1);
    VS_PUT(x, GUEST_RIP, s->guest_rip);
    VS_PUT(x, GUEST_RSP, s->guest_rsp);
    VS_PUT(x, GUEST_RFLAGS, 0x202); /* reserved bit 1, IF */
    VS_PUT(x, GUEST_DR7, 0x400);
    for (unsigned i = 0; i < 6; i++) { /* ES CS SS DS FS GS */
        write_segment(x, i, i == 1 ? 0x10 : 0x18, 0xffffffff, i == 1 ? 0xa09b : 0xc093);
    }
    write_segment(x, 6, 0, 0xffff, VS_AR_UNUSABLE); /* LDTR */
    write_segment(x, 7, 0x40, 0x206f, 0x8b);        /* TR: busy 64-bit TSS */
    VS_PUT(x, GUEST_TR_BASE, kernel);
    VS_PUT(x, GUEST_GDTR_BASE, kernel + 0x1000);
    VS_PUT(x, GUEST_GDTR_LIMIT, 0x7f);
    VS_PUT(x, GUEST_IDTR_BASE, kernel + 0x2000);
    VS_PUT(x, GUEST_IDTR_LIMIT, 0xfff);
    VS_PUT(x, GUEST_PAT, PAT_LINUX);
    VS_PUT(x, GUEST_EFER, EFER_LONG);
}

enum vs_vmx_result vs_vmx_setup_default(struct vs_vmx *x, const struct vs_vmx_setup *s)
{
    enum vs_vmx_result r = VS_VMX_OK;
    if (!x->on) {
        vs_vmx_format(x, s->vmxon);
        r = vs_vmx_on(x, NULL, s->vmxon);
    }
    vs_vmx_format(x, s->vmcs);
    r = r ? r : vs_vmx_clear(x, NULL, s->vmcs);
    r = r ? r : vs_vmx_ptrld(x, NULL, s->vmcs);
    if (r) {
        return r;
    }
    for (unsigned p = 0; p < VS_VMCS_FIELDS; p++) {
        vs_vmx_put(x, p, 0);
    }
    write_controls(x);
    write_addresses(x, s);
    write_host(x, s);
    write_guest(x, s);
    return VS_VMX_OK;
}

enum vs_vmx_result vs_vmx_build(struct vs_vmx *x, struct vs_txn *t, vs_hpa vmxon, vs_hpa vmcs)
{
    enum vs_vmx_result r = vs_vmx_clear(x, NULL, vmcs);
    r = r ? r : vs_vmx_off(x, NULL);
    r = r ? r : vs_vmx_on(x, t, vmxon);
    r = r ? r : vs_vmx_clear(x, t, vmcs);
    r = r ? r : vs_vmx_ptrld(x, t, vmcs);
    for (unsigned p = 0; p < VS_VMCS_FIELDS && !r; p++) {
        bool has = x->has[p] & VS_FIELD_EXISTS && vs_vmcs_fields[p].area != VS_VMCS_INFO;
        uint64_t value = vs_vmx_get(x, p);
        if (has && value) {
            r = vs__vmx_write_at(x, t, p, value);
        }
    }
    return r ? r : vs_vmx_enter(x, t, VS_VMX_LAUNCH);
}

enum vs_vmx_result vs_vmx_end(struct vs_vmx *x, struct vs_txn *t)
{
    enum vs_vmx_result r = vs_vmx_clear(x, t, (vs_hpa){x->current});
    return r ? r : vs_vmx_off(x, t);
}
