/* SPDX-License-Identifier: MIT */
/* A vCPU's world is set up: VMXON, VMCS and first entry, AMD's VMCB, what of it lies in memory. */
#include "machine_impl.h"

#include <string.h>

#define POSTED_VECTOR 0xf2u /* Linux's POSTED_INTR_VECTOR */
/* SDM 3C table 25-9: format of the EPT pointer */
#define EPTP_WRITE_BACK 6u
#define EPTP_FOUR_LEVELS (3u << 3)
#define EPTP_FIVE_LEVELS (4u << 3)
#define EPTP_ACCESSED_DIRTY (1u << 6)
#define HOST_AT 0x1000u
#define IOPM_AT 0x3000u /* 12 KiB */
#define MSRPM_AT 0x6000u

/* The VMCB, its host save area and permission maps. */
static bool svm_setup(struct vs_vcpu *v)
{
    uint64_t page;
    if (!vs_frames_alloc(v->p->frames, VS_PAGE_2M_SHIFT, &page)) {
        return false;
    }
    vs_svm_setup(&v->svm, (vs_hpa){page}, (vs_hpa){page + HOST_AT}, (vs_hpa){page + MSRPM_AT},
                 (vs_hpa){page + IOPM_AT},
                 v->guest_context.vpid ? v->guest_context.vpid : (uint16_t)(v->index + 1u),
                 v->p->shadow ? 0 : v->vm->ept_root);
    return true;
}

/* The bitmap intercepts every MSR but those KVM passes through (vmx_possible_passthrough_msrs and,
 * with virtual-interrupt delivery, the x2APIC's). Layout: SDM 3C 25.6.9, reads in the first half.
 */
static void intercept_msrs(struct vs_platform *p, vs_hpa bitmap)
{
    static const uint32_t passed[] = {0xc0000100u, 0xc0000101u, 0xc0000102u, 0x174u, 0x175u,
                                      0x176u,      0x10u,       0x48u,       0x49u};
    static const uint32_t x2apic[] = {0x808u, 0x80bu, 0x83fu}; /* TPR, EOI, SELF IPI */
    unsigned char bits[4096];
    memset(bits, 0xff, sizeof bits);
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++) {
        uint32_t index = passed[i] & 0x1fffu, half = passed[i] >> 31 ? 1024u : 0;
        unsigned char keep = (unsigned char)~(1u << (index & 7u));
        bits[half + index / 8u] &= keep;
        bits[2048u + half + index / 8u] &=
            passed[i] == 0x10u ? 0xffu : keep; /* writes of the TSC exit */
    }
    for (size_t i = 0; p->vid && i < sizeof x2apic / sizeof x2apic[0]; i++) {
        bits[x2apic[i] / 8u] &= (unsigned char)~(1u << (x2apic[i] & 7u));
        bits[2048u + x2apic[i] / 8u] &= (unsigned char)~(1u << (x2apic[i] & 7u));
    }
    vs_phys_write(p->phys, bitmap, bits, sizeof bits);
}

enum vs_status vcpu_virtualize(struct vs_vcpu *v, struct vs_errors *errors)
{
    struct vs_platform *p = v->p;
    uint64_t page[12];
    for (unsigned i = 0; i < 12; i++) {
        if (!vs_frames_alloc(p->frames, 12, &page[i])) {
            vs_error(errors, "host.memory is too small for the VMCS of vCPU %u", v->index);
            return VS_E_NOMEM;
        }
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
        .host_cr3 = v->host_space.cr3,
        .host_rip = VS_HV_CODE,
        .host_rsp = VS_HV_DATA + 0x8000u,
        .guest_cr3 = v->guest_context.cr3,
        .guest_rip = 0x10000000000u,
        .guest_rsp = 0x10000001000u};
    if (p->svm && !svm_setup(v)) {
        vs_error(errors, "host.memory is too small for the VMCB of vCPU %u", v->index);
        return VS_E_NOMEM;
    }
    intercept_msrs(p, s.msr_bitmap);
    v->ept.pml = (struct vs_ept_pml){p->pml, s.pml.v, VS_EPT_PML_ENTRIES - 1u};
    enum vs_vmx_result r = vs_vmx_setup_default(&v->vmx, &s);
    if (r == VS_VMX_OK) {
        r = vs_vmx_enter(&v->vmx, NULL, VS_VMX_LAUNCH);
    }
    if (r != VS_VMX_OK) {
        uint64_t error = 0;
        vs_vmx_read(&v->vmx, NULL, VS_VMCS_INSTRUCTION_ERROR, &error);
        vs_error(errors,
                 "vCPU %u: the first VM entry is refused (result %d, VM-instruction error %llu): "
                 "vmcs.control.* and vmcs.cap.* do not fit",
                 v->index, (int)r, (unsigned long long)error);
        return VS_E_CONFIG;
    }
    vs_hpa pi = {page[7]};
    vs_apic_init(&v->apic, &p->irq, p->ledger, v->clock, p->phys, pi, POSTED_VECTOR);
    vs_pi_notify(&v->apic, POSTED_VECTOR, v->index); /* the processor that runs it */
    return VS_OK;
}
