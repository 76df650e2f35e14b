/* SPDX-License-Identifier: MIT */
#include "el2/el2.h"

#include <string.h>

#define VS_DEF_NAME el2
#define VS_DEF_FILE "el2/el2.def"
#include "virtsim/def_tables.h"

enum { GUEST_PAIRS = 16, HOST_PAIRS = 6 }; /* x0-x30; x19-x29 and the link register */
#define EL1H 5ull                          /* PSTATE.M */
/* KVM's __kvm_vcpu_run_vhe: ESR, FAR, HPFAR, ELR, SPSR; HCR, CPTR, VBAR, MDCR; timer control and
 * offset. With VHE the list registers are the interrupt controller's (model/gic). */
enum { EXIT_SYSTEM = 11, ENTRY_SYSTEM = 9 };

void vs_el2_init(struct vs_el2 *e, const struct vs_el2_config *config,
                 const struct vs_el2_wiring *wiring, vs_hpa vcpu)
{
    memset(e, 0, sizeof *e);
    e->config = *config;
    e->wire = *wiring;
    e->base = vs_ledger_accounts(wiring->ledger, &vs_el2_desc);
    e->vcpu = vcpu;
    /* KVM: HCR_GUEST_FLAGS and vcpu_reset_hcr. TWE and TVM are taken back where a vCPU has its core
     * for itself and its caches are on (kvm_arch_vcpu_load, kvm_toggle_cache). */
    e->hcr = VS_HCR_VM | VS_HCR_SWIO | VS_HCR_PTW | VS_HCR_FMO | VS_HCR_IMO | VS_HCR_AMO |
             VS_HCR_BSU_IS | VS_HCR_TIDCP | VS_HCR_TACR | VS_HCR_TSW | VS_HCR_RW | VS_HCR_E2H |
             (config->trap_wfi ? VS_HCR_TWI : 0) | (config->trap_wfe ? VS_HCR_TWE : 0) |
             (config->trap_smc ? VS_HCR_TSC : 0) | (config->trap_vm_read ? VS_HCR_TRVM : 0) |
             (config->trap_id ? VS_HCR_TID3 : 0) | (config->trap_tlbi ? VS_HCR_TTLB : 0) |
             (config->trap_vm ? VS_HCR_TVM : 0) | (config->force_broadcast ? VS_HCR_FB : 0);
    vs_phys_write64(wiring->phys, (vs_hpa){vcpu.v + VS_EL2_AT_PSTATE}, EL1H);
}

bool vs_el2_traps_tlbi(struct vs_el2 *e)
{
    bool trapped = (e->hcr & VS_HCR_TTLB) != 0;
    e->count[VS_CNT_el2_not_trapped] += !trapped;
    return trapped;
}

/* ID_*, the only ones of CRn 0 that TID3 holds; MIDR and MPIDR have their copies for guests. */
bool vs_el2_identifies(uint32_t r)
{
    return VS_SYSREG_OP0(r) == 3u && VS_SYSREG_OP1(r) == 0 && VS_SYSREG_CRN(r) == 0 &&
           VS_SYSREG_CRM(r) >= 1u && VS_SYSREG_CRM(r) <= 7u;
}

/* SCTLR, TTBR0, TTBR1, TCR, AFSR0, AFSR1, ESR, FAR, MAIR, AMAIR and CONTEXTIDR of EL1. */
bool vs_el2_controls_translation(uint32_t r)
{
    uint32_t crn = VS_SYSREG_CRN(r), crm = VS_SYSREG_CRM(r), op2 = VS_SYSREG_OP2(r);
    return VS_SYSREG_OP0(r) == 3u && VS_SYSREG_OP1(r) == 0 &&
           ((crn == 1u && crm == 0 && op2 == 0) || (crn == 2u && crm == 0) || crn == 5u ||
            (crn == 6u && crm == 0) || (crn == 10u && (crm == 2u || crm == 3u)) ||
            (crn == 13u && crm == 0 && op2 == 1u));
}

/* The bit of HCR_EL2 that a system register's access waits for; UINT64_MAX: something else traps it
 * always (MDCR_EL2.TPM of the performance monitors, CNTHCTL_EL2 of the physical timer); 0: nothing
 * does, such as the virtual timer or the virtual interface of the interrupt controller. */
static uint64_t sysreg_needs(uint32_t r, bool write)
{
    uint32_t op0 = VS_SYSREG_OP0(r), op1 = VS_SYSREG_OP1(r), crn = VS_SYSREG_CRN(r),
             crm = VS_SYSREG_CRM(r), op2 = VS_SYSREG_OP2(r);
    if (op0 != 3u) {
        return 0;
    }
    if (vs_el2_identifies(r)) {
        return write ? 0 : VS_HCR_TID3;
    }
    if (vs_el2_controls_translation(r)) {
        return write ? VS_HCR_TVM : VS_HCR_TRVM;
    }
    if (crn == 11u || crn == 15u) { /* IMPLEMENTATION DEFINED */
        return VS_HCR_TIDCP;
    }
    if (op1 == 0 && crn == 1u && crm == 0 && op2 == 1u) { /* ACTLR_EL1 */
        return VS_HCR_TACR;
    }
    if (op1 == 0 && crn == 12u && crm == 11u && op2 >= 5u) { /* ICC_SGI1R, ASGI1R, SGI0R */
        return VS_HCR_IMO | VS_HCR_FMO;
    }
    bool monitors = op1 == 3u && (crn == 9u || (crn == 14u && crm >= 8u)),
         physical = op1 == 3u && crn == 14u && crm == 2u; /* CNTP_* */
    return monitors || physical ? UINT64_MAX : 0;
}

bool vs_el2_traps(struct vs_el2 *e, uint32_t class, uint32_t number, bool write)
{
    uint64_t needs = class == VS_EL2_WFX     ? (number ? VS_HCR_TWE : VS_HCR_TWI)
                     : class == VS_EL2_SMC64 ? VS_HCR_TSC
                     : class == VS_EL2_SYS64 ? sysreg_needs(number, write)
                     : class == VS_EL2_IRQ   ? VS_HCR_IMO
                                             : VS_HCR_VM; /* aborts; an HVC at EL1 is one to EL2 */
    bool trapped = (e->hcr & needs) != 0;
    e->count[VS_CNT_el2_not_trapped] += !trapped;
    return trapped;
}

static void work(struct vs_el2 *e, struct vs_txn *t, unsigned account, uint64_t n, uint64_t each)
{
    vs_ps d = {n * each * e->wire.clock.period_ps};
    vs_charge_n(t, (uint16_t)(e->base + account), n, d);
}

static void lines(struct vs_el2 *e, struct vs_txn *t, uint64_t from, uint64_t pairs,
                  enum vs_ref ref)
{
    vs_hpa at = {e->vcpu.v + from};
    vs_mem_touches(&e->wire.mem, t, at, pairs * 16u, ref);
}

/* ESR_EL2, FAR_EL2 and HPFAR_EL2 as software stores them; an interrupt has none. */
static void latch(struct vs_el2 *e, const struct vs_el2_syndrome *s)
{
    const uint64_t at = e->vcpu.v;
    vs_phys_write64(e->wire.phys, (vs_hpa){at + VS_EL2_AT_PSTATE}, e->pstate);
    if (s->class == VS_EL2_IRQ) {
        return;
    }
    vs_phys_write64(e->wire.phys, (vs_hpa){at + VS_EL2_AT_ESR},
                    (uint64_t)s->class << 26 | 1u << 25 | s->iss); /* EC, IL, ISS */
    vs_phys_write64(e->wire.phys, (vs_hpa){at + VS_EL2_AT_FAR}, s->far);
    vs_phys_write64(e->wire.phys, (vs_hpa){at + VS_EL2_AT_HPFAR},
                    s->gpa >> 12 << 4); /* FIPA holds bits 47:12 */
}

void vs_el2_exit(struct vs_el2 *e, struct vs_txn *t, const struct vs_el2_syndrome *s)
{
    const struct vs_el2_config *c = &e->config;
    e->count[VS_CNT_el2_exits]++;
    e->in_guest = false;
    latch(e, s);
    if (!t) {
        return;
    }
    work(e, t, VS_ACC_el2_exception, 1, c->exception);
    work(e, t, VS_ACC_el2_exit_save, GUEST_PAIRS, c->store_pair);
    lines(e, t, VS_EL2_AT_GUEST, GUEST_PAIRS, VS_REF_WRITE);
    work(e, t, VS_ACC_el2_exit_load, HOST_PAIRS, c->store_pair);
    lines(e, t, VS_EL2_AT_HOST, HOST_PAIRS, VS_REF_READ);
    work(e, t, VS_ACC_el2_exit_system, EXIT_SYSTEM, c->system);
    lines(e, t, VS_EL2_AT_ESR, 4, VS_REF_WRITE);
}

void vs_el2_enter(struct vs_el2 *e, struct vs_txn *t)
{
    const struct vs_el2_config *c = &e->config;
    e->count[VS_CNT_el2_entries]++;
    e->in_guest = true;
    e->pstate = vs_phys_read64(e->wire.phys, (vs_hpa){e->vcpu.v + VS_EL2_AT_PSTATE});
    if (!t) {
        return;
    }
    work(e, t, VS_ACC_el2_entry_save, HOST_PAIRS, c->store_pair);
    lines(e, t, VS_EL2_AT_HOST, HOST_PAIRS, VS_REF_WRITE);
    work(e, t, VS_ACC_el2_entry_system, ENTRY_SYSTEM, c->system);
    work(e, t, VS_ACC_el2_entry_load, GUEST_PAIRS, c->store_pair);
    lines(e, t, VS_EL2_AT_GUEST, GUEST_PAIRS, VS_REF_READ);
    work(e, t, VS_ACC_el2_eret, 1, c->eret);
    vs_txn_actor(t, e->wire.guest_actor);
}
