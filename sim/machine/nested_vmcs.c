/* SPDX-License-Identifier: MIT */
/* The VMCSs of a guest hypervisor in a machine: what each of the three is set up with. */
#include "nested_vmcs.h"

#include "cpu/nested.h"

#define PAGES 6u /* VMCS12, VMCS01's virtual-APIC page, and struct vs_vmx_nested_pages */

enum vs_status machine_nested_vmcs(struct vs_vcpu *v, struct vs_vmx *x, struct vs_vmx_nested *m,
                                   const struct vs_vmx_setup *guest, enum vs_vmx_result *result,
                                   struct vs_errors *errors)
{
    struct vs_nested *n = v->nested;
    uint64_t page[PAGES];
    enum vs_status s = vs__world_pages(v, page, PAGES, errors);
    if (s) {
        return s;
    }
    struct vs_vmx_setup s01 = *guest, s12 = *guest;
    const struct vs_vmx_nested_pages pages = {page[2], page[3], page[4], page[5], guest->eptp};
    s01.virtual_apic.v = page[1];
    s01.eptp = n->memory->vm.ept_root | (guest->eptp & 0xfffu);
    s01.vpid = n->context.vpid ? n->context.vpid : (uint16_t)(v->index + 0x101u);
    s01.guest_cr3 = n->memory->space.cr3;
    s01.guest_rip = VS_HV_CODE;
    s01.guest_rsp = VS_HV_DATA + 0x8000u;
    s12.vmcs.v = page[0];
    s12.eptp = n->memory->ept12.ept_root | (guest->eptp & 0xfffu);
    s12.host_cr3 = n->memory->space.cr3;
    s12.host_rip = s01.guest_rip;
    s12.host_rsp = s01.guest_rsp;
    *result = vs_vmx_nested_setup(m, x, &s01, &s12, &pages, guest->vpid);
    n->port = vs_vmx_nested_port(m);
    return VS_OK;
}
