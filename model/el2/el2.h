/* SPDX-License-Identifier: MIT */
/*
 * Arm's world switch as KVM does it on a host that runs at EL2 (VHE): HCR_EL2 decides what leaves
 * the guest, the processor only latches syndrome, return address and state; registers are saved and
 * restored by software in the vCPU structure, whose lines go through the core's caches. EL1's own
 * registers stay loaded.
 *
 * Time: every function takes the transaction it serves; NULL means untimed. Nothing can fail.
 */
#ifndef VIRTSIM_EL2_H
#define VIRTSIM_EL2_H

#include "virtsim/phys.h"
#include "virtsim/port/mem.h"
#include "virtsim/trap.h"

#define VS_DEF_NAME el2
#define VS_DEF_FILE "el2/el2.def"
#include "virtsim/def_types.h"

/* Exception classes, ESR_EL2.EC (Arm ARM, D17.2.37); an interrupt has no syndrome. */
enum vs_el2_class {
    VS_EL2_WFX = 0x01,
    VS_EL2_FP_ASIMD = 0x07,
    VS_EL2_HVC64 = 0x16,
    VS_EL2_SMC64 = 0x17,
    VS_EL2_SYS64 = 0x18,
    VS_EL2_SVE = 0x19,
    VS_EL2_ERET = 0x1a,
    VS_EL2_IABT_LOW = 0x20,
    VS_EL2_DABT_LOW = 0x24,
    VS_EL2_IRQ = 0x100
};

/* HCR_EL2 (Arm ARM, D17.2.48). */
#define VS_HCR_VM (1ull << 0)
#define VS_HCR_SWIO (1ull << 1)
#define VS_HCR_PTW (1ull << 2)
#define VS_HCR_FMO (1ull << 3)
#define VS_HCR_IMO (1ull << 4)
#define VS_HCR_AMO (1ull << 5)
#define VS_HCR_FB (1ull << 9)
#define VS_HCR_BSU_IS (1ull << 10)
#define VS_HCR_TWI (1ull << 13)
#define VS_HCR_TWE (1ull << 14)
#define VS_HCR_TID3 (1ull << 18)
#define VS_HCR_TSC (1ull << 19)
#define VS_HCR_TIDCP (1ull << 20)
#define VS_HCR_TACR (1ull << 21)
#define VS_HCR_TSW (1ull << 22)
#define VS_HCR_TTLB (1ull << 25)
#define VS_HCR_TVM (1ull << 26)
#define VS_HCR_TGE (1ull << 27)
#define VS_HCR_TRVM (1ull << 30)
#define VS_HCR_RW (1ull << 31)
#define VS_HCR_E2H (1ull << 34)
#define VS_HCR_APK (1ull << 40)
#define VS_HCR_API (1ull << 41)
#define VS_HCR_NV (1ull << 42)
#define VS_HCR_NV1 (1ull << 43)
#define VS_HCR_AT (1ull << 44)
#define VS_HCR_NV2 (1ull << 45)

/* ISS of a data abort (Arm ARM, D17.2.37): the bits, and where SAS, SRT and DFSC begin. */
#define VS_ISS_ISV (1u << 24)
#define VS_ISS_SAS 22
#define VS_ISS_SRT 16
#define VS_ISS_SF (1u << 15)
#define VS_ISS_S1PTW (1u << 7)
#define VS_ISS_WNR (1u << 6)
#define VS_ISS_DFSC 0x3fu

/* MDCR_EL2 and CNTHCTL_EL2 (Arm ARM, D17.3.20 and D17.11.2): performance monitors, PMCR_EL0; EL1's
 * access to the physical timer, whose bit is another one with and without HCR_EL2.E2H. */
#define VS_MDCR_TPMCR (1ull << 5)
#define VS_MDCR_TPM (1ull << 6)
#define VS_CNTHCTL_EL1PCEN (1ull << 1)
#define VS_CNTHCTL_EL1PTEN (1ull << 11)

/* CPTR_EL2 as it is without VHE (Arm ARM, D17.2.30): traps of floating point and SIMD, of SVE. With
 * VHE the same two are the fields FPEN and ZEN of CPACR_EL1's format, 0 for a trap. TCPAC, of both:
 * EL1's accesses to CPACR_EL1. */
#define VS_CPTR_TFP (1ull << 10)
#define VS_CPTR_TZ (1ull << 8)
#define VS_CPTR_TCPAC (1ull << 31)

/* PSTATE.M as SPSR_EL2 holds it (Arm ARM, C5.2.19): the exception level from bit 2 on; bit 0: that
 * level's own stack pointer. */
#define VS_PSTATE_EL_SHIFT 2
#define VS_PSTATE_EL_MASK 3u

/* Parts of a VS_SYSREG (virtsim/trap.h). */
#define VS_SYSREG_OP0(r) ((r) >> 19 & 3u)
#define VS_SYSREG_OP1(r) ((r) >> 16 & 7u)
#define VS_SYSREG_CRN(r) ((r) >> 12 & 15u)
#define VS_SYSREG_CRM(r) ((r) >> 8 & 15u)
#define VS_SYSREG_OP2(r) ((r) >> 5 & 7u)
#define VS_ICC_SGI1R_EL1 VS_SYSREG(3u, 0u, 12u, 11u, 5u)

/* The vCPU structure in memory: x0 to x30, then what the switch and the handlers use. Byte offsets;
 * registers, the host's, fault information and the virtual interrupts are in lines of their own. */
enum {
    VS_EL2_AT_GUEST = 0x000,
    VS_EL2_AT_PC = 0x100,
    VS_EL2_AT_PSTATE = 0x108,
    VS_EL2_AT_HOST = 0x200,
    VS_EL2_AT_ESR = 0x300,
    VS_EL2_AT_FAR = 0x308,
    VS_EL2_AT_HPFAR = 0x310,
    VS_EL2_AT_LIST = 0x340,
    VS_EL2_AT_EL1 = 0x400,      /* EL1's registers of the guest, where the host is at EL1, too */
    VS_EL2_AT_HOST_EL1 = 0x500, /* and of the host */
    /* floating point: as much as 32 vectors of 256 bits and their predicates take */
    VS_EL2_AT_GUEST_FP = 0x600,
    VS_EL2_AT_HOST_FP = 0xb00,
};

struct vs_el2_wiring {
    struct vs_ledger *ledger;
    struct vs_clock clock;
    struct vs_phys *phys;
    struct vs_mem_port mem;
    uint16_t guest_actor;
};

struct vs_el2 {
    struct vs_el2_config config;
    struct vs_el2_wiring wire;
    uint64_t count[VS_CNT_el2_N];
    uint16_t base;
    vs_hpa vcpu;                       /* the vCPU structure: 4 KiB */
    uint64_t hcr, mdcr, cnthctl, cptr; /* what decides */
    uint64_t pstate;                   /* of the guest, while it runs */
    bool in_guest;
};

/* What an exception says: EC, ISS, faulting addresses. */
struct vs_el2_syndrome {
    uint32_t class, iss;
    uint64_t far, gpa;
};

void vs_el2_init(struct vs_el2 *e, const struct vs_el2_config *config,
                 const struct vs_el2_wiring *wiring, vs_hpa vcpu);
/* A system register of a group that HCR_EL2 has a bit for: identification (TID3), control of stage
 * 1 (TVM, TRVM). */
bool vs_el2_identifies(uint32_t sysreg);
bool vs_el2_controls_translation(uint32_t sysreg);
/* Does HCR_EL2 send this class to EL2? `number`: of SYS64, the register (VS_SYSREG); of WFX,
 * ISS.TI: 0 WFI, 1 WFE. */
bool vs_el2_traps(struct vs_el2 *e, uint32_t class, uint32_t number, bool write);
/* The same of a TLBI at EL1. */
bool vs_el2_traps_tlbi(struct vs_el2 *e);
/* Does CPTR_EL2 trap the use of these registers? */
bool vs_el2_traps_fp(struct vs_el2 *e, bool sve);
/* The hypervisor gives them to the guest, which has trapped for that. */
void vs_el2_give_fp(struct vs_el2 *e, struct vs_txn *t);
/* KVM's kvm_arch_vcpu_load_fp and kvm_arch_vcpu_put_fp: the vCPU's thread has its processor, or
 * gives it up, and with it what the guest has in these registers. */
void vs_el2_running(struct vs_el2 *e, struct vs_txn *t, bool on);
void vs_el2_exit(struct vs_el2 *e, struct vs_txn *t, const struct vs_el2_syndrome *s);
/* The guest's actor runs afterwards. */
void vs_el2_enter(struct vs_el2 *e, struct vs_txn *t);

#endif
