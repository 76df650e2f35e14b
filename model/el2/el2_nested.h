/* SPDX-License-Identifier: MIT */
/*
 * A guest hypervisor at virtual EL2, which is EL1 with HCR_EL2.NV, and what KVM, the host's
 * hypervisor, does for it (port/nested.h; Linux arch/arm64/kvm: emulate-nested.c, nested.c,
 * sys_regs.c, hyp/vhe/switch.c). There is no control structure: 12 are the registers of virtual
 * EL2, which KVM keeps in a page, and the processor's VNCR_EL2 may name that page.
 *
 * What may leave the guest hypervisor are the instructions of its own world switch,
 * nested_switch.def: vs_el2_nv says of each what becomes of it. Its handlers read and write the
 * vCPU structure that it keeps for its guest, by loads and stores, which nobody traps.
 */
#ifndef VIRTSIM_EL2_NESTED_H
#define VIRTSIM_EL2_NESTED_H

#include "el2/el2.h"
#include "virtsim/port/nested.h"

#define VS_DEF_NAME el2_nested
#define VS_DEF_FILE "el2/nested.def"
#include "virtsim/def_types.h"

/* ---- what HCR_EL2 makes of an access at EL1 (el2_nv.c) ---- */

enum vs_el2_nv_way {
    VS_NV_UNDEFINED, /* EL2's, and EL1 is no virtual EL2 */
    VS_NV_TRAP,      /* to EL2 */
    VS_NV_PAGE,      /* a load or store of the page at VNCR_EL2 */
    VS_NV_OTHER,     /* EL1's register in place of EL2's */
    VS_NV_REGISTER   /* the register that it names */
};

struct vs_el2_nv {
    enum vs_el2_nv_way way;
    uint16_t offset; /* in the page, where that has the register; else 0 */
};

/* MRS or MSR of a register (VS_SYSREG) at EL1 under this HCR_EL2: NV, NV1, NV2, TVM and TRVM
 * decide. */
struct vs_el2_nv vs_el2_nv(uint64_t hcr, uint32_t sysreg, bool write);
/* The same, and CPTR_EL2.TCPAC: it leaves the guest. */
bool vs_el2_nv_traps(const struct vs_el2 *e, uint32_t sysreg, bool write);
/* HCR_EL2 while a guest hypervisor is at virtual EL2, of what it is for any guest (`hcr`): `nv` is
 * ID_AA64MMFR2_EL1.NV, vhe the guest hypervisor's HCR_EL2.E2H (__compute_hcr). */
uint64_t vs_el2_nv_hcr(uint64_t hcr, uint64_t nv, bool vhe);

/* ---- the guest hypervisor ---- */

struct vs_el2_nested {
    struct vs_el2_nested_config config;
    struct vs_el2 *e;
    vs_hpa page;   /* the registers of virtual EL2 that VNCR_EL2 can name: KVM's vncr_array */
    vs_hpa vcpu12; /* the vCPU structure that the guest hypervisor keeps for its guest */
    uint64_t hcr01, cptr01; /* HCR_EL2 and CPTR_EL2 as for any guest */
    struct {
        uint64_t elr, spsr, esr, far, hpfar;
    } el2;              /* of virtual EL2, what an exception to it sets */
    const char *failed; /* the rule that its last ERET broke; NULL: none */
    uint16_t base;      /* of the accounts */
    bool interrupted;   /* the next exit that is handed on is of its own interrupt */
    bool arrived;       /* its guest is to get an interrupt with its next entry */
    bool listed;        /* it has a list register in use */
    uint64_t count[VS_CNT_el2_nested_N];
};

/* Untimed, with n->config: virtual EL2's registers at `page` (4 KiB), the guest hypervisor's vCPU
 * structure at `vcpu12` (4 KiB) and its stage 2 at `vttbr`. Afterwards its guest runs. */
void vs_el2_nested_setup(struct vs_el2_nested *n, struct vs_el2 *e, uint16_t host_actor,
                         vs_hpa page, vs_hpa vcpu12, uint64_t vttbr);
struct vs_nested_port vs_el2_nested_port(struct vs_el2_nested *n);

#endif
