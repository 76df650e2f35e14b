/* SPDX-License-Identifier: MIT */
/* What the processor at hand does not have, whatever a hypervisor asks for. Formats and modes of
 * other vendors: vs_ept_check. Controls: vs_vmcs_check. */
#include "machine_impl.h"

#define EPT_EXECUTE_ONLY 0u /* bits of IA32_VMX_EPT_VPID_CAP, SDM 3D A.10 */
#define EPT_ACCESSED_DIRTY 21u

static void need(const char *what, unsigned bit, uint64_t cap, struct vs_errors *errors)
{
    if (!(cap >> bit & 1u)) {
        vs_error(errors, "%s = 1 needs bit %u of vmcs.cap.ept_vpid = 0x%llx", what, bit,
                 (unsigned long long)cap);
    }
}

static void check_ept(const struct vs_ept_config *e, const struct vs_vmcs_config *c,
                      struct vs_errors *errors)
{
    if (e->ept_ad) {
        need("ept.accessed_dirty", EPT_ACCESSED_DIRTY, c->cap_ept_vpid, errors);
    }
    if (e->execute_only) {
        need("ept.execute_only", EPT_EXECUTE_ONLY, c->cap_ept_vpid, errors);
    }
    if (e->mbec != c->control_mode_based_execute) {
        vs_error(errors,
                 "ept.mode_based_execute = %llu and vmcs.control.mode_based_execute = %llu: the "
                 "control decides how EPT entries are read, both must be the same",
                 (unsigned long long)e->mbec, (unsigned long long)c->control_mode_based_execute);
    }
}

void machine_check_vendor(const struct vs_ept_config *e, const struct vs_vmcs_config *c,
                          struct vs_errors *errors)
{
    if (e->mode == VS_EPT_EPT) {
        check_ept(e, c, errors);
    } else if (e->mbec) {
        vs_error(errors, "ept.mode_based_execute = 1 needs paging.mode = ept");
    }
    if (e->vendor != VS_VENDOR_INTEL && !c->control_vpid) {
        vs_error(errors,
                 "vmcs.control.vpid = 0 is Intel's to switch off: %s; it would drop nothing",
                 e->vendor == VS_VENDOR_AMD
                     ? "AMD processors always tag by ASID, and svm.tlb_control says what a VMRUN "
                       "drops"
                     : "Arm processors always tag by VMID");
    }
    if (e->vendor == VS_VENDOR_ARM && c->control_invlpg_exiting) {
        vs_error(errors,
                 "vmcs.control.invlpg_exiting = 1: Arm traps TLBI by HCR_EL2.TTLB, which no "
                 "hypervisor here sets; the guest's TLBI do not exit");
    }
}
