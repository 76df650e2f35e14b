/* SPDX-License-Identifier: MIT */
#include "el2/el2_impl.h"

#include <string.h>

#define VS_DEF_NAME el2
#define VS_DEF_FILE "el2/el2.def"
#include "virtsim/def_tables.h"

/* EL1's registers that KVM moves where the host is at EL1, too (Linux
 * arch/arm64/kvm/hyp/include/hyp/sysreg-sr.h): MDSCR; TPIDR_EL0, TPIDRRO; SCTLR, CPACR, TTBR0 and
 * 1, TCR, ESR, AFSR0 and 1, FAR, MAIR, VBAR, CONTEXTIDR, AMAIR, CNTKCTL, PAR, TPIDR, SP, ELR, SPSR.
 */
_Static_assert(VS__EL1_REGISTERS == 1 + 2 + 19, "as listed");
/* Pairs: x0-x30; x19-x29 and the link register. */
#define EL1H (1ull << VS_PSTATE_EL_SHIFT | 1u) /* PSTATE.M: EL1 with its own stack pointer */
/* KVM's __kvm_vcpu_run_vhe: ESR, FAR, HPFAR, ELR, SPSR; HCR, CPTR, VBAR, MDCR; timer control and
 * offset. With VHE the list registers are the interrupt controller's (model/gic). */
enum { EXIT_SYSTEM = 11, ENTRY_SYSTEM = 9 };

/* A vCPU whose guest is about to run at EL1. */
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
             VS_HCR_BSU_IS | VS_HCR_TIDCP | VS_HCR_TACR | VS_HCR_TSW | VS_HCR_RW |
             (config->vhe ? VS_HCR_E2H : 0) | (config->trap_wfi ? VS_HCR_TWI : 0) |
             (config->trap_wfe ? VS_HCR_TWE : 0) | (config->trap_smc ? VS_HCR_TSC : 0) |
             (config->trap_vm_read ? VS_HCR_TRVM : 0) | (config->trap_id ? VS_HCR_TID3 : 0) |
             (config->trap_tlbi ? VS_HCR_TTLB : 0) | (config->trap_vm ? VS_HCR_TVM : 0) |
             (config->force_broadcast ? VS_HCR_FB : 0);
    e->mdcr = config->trap_monitors ? VS_MDCR_TPM | VS_MDCR_TPMCR : 0;
    e->cptr = VS_CPTR_TFP | VS_CPTR_TZ;
    e->cnthctl = !config->vhe ? 0 : config->trap_physical_timer ? 0 : VS_CNTHCTL_EL1PTEN;
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

/* Whether an access to a system register leaves the guest: by a bit of HCR_EL2, of MDCR_EL2 for
 * performance monitors, of CNTHCTL_EL2 for the physical timer. Nothing traps what is in none of
 * these groups, such as the virtual timer or the virtual interface of the interrupt controller. */
static bool sysreg_traps(const struct vs_el2 *e, uint32_t r, bool write)
{
    uint32_t op0 = VS_SYSREG_OP0(r), op1 = VS_SYSREG_OP1(r), crn = VS_SYSREG_CRN(r),
             crm = VS_SYSREG_CRM(r), op2 = VS_SYSREG_OP2(r);
    if (op0 != 3u) {
        return false;
    }
    if (vs_el2_identifies(r)) {
        return !write && e->hcr & VS_HCR_TID3;
    }
    if (vs_el2_controls_translation(r)) {
        return e->hcr & (write ? VS_HCR_TVM : VS_HCR_TRVM);
    }
    if (crn == 11u || crn == 15u) { /* IMPLEMENTATION DEFINED */
        return e->hcr & VS_HCR_TIDCP;
    }
    if (op1 == 0 && crn == 1u && crm == 0 && op2 == 1u) { /* ACTLR_EL1 */
        return e->hcr & VS_HCR_TACR;
    }
    if (op1 == 0 && crn == 12u && crm == 11u && op2 >= 5u) { /* ICC_SGI1R, ASGI1R, SGI0R */
        return e->hcr & (VS_HCR_IMO | VS_HCR_FMO);
    }
    if (op1 == 3u && (crn == 9u || (crn == 14u && crm >= 8u))) { /* performance monitors */
        bool control = crn == 9u && crm == 12u && op2 == 0;      /* PMCR_EL0 */
        return e->mdcr & (control ? VS_MDCR_TPM | VS_MDCR_TPMCR : VS_MDCR_TPM);
    }
    bool physical = op1 == 3u && crn == 14u && crm == 2u; /* CNTP_* */
    return physical &&
           !(e->cnthctl & (e->hcr & VS_HCR_E2H ? VS_CNTHCTL_EL1PTEN : VS_CNTHCTL_EL1PCEN));
}

bool vs_el2_traps(struct vs_el2 *e, uint32_t class, uint32_t number, bool write)
{
    uint64_t needs = class == VS_EL2_WFX     ? (number ? VS_HCR_TWE : VS_HCR_TWI)
                     : class == VS_EL2_SMC64 ? VS_HCR_TSC
                     : class == VS_EL2_IRQ   ? VS_HCR_IMO
                                             : VS_HCR_VM; /* aborts; an HVC at EL1 is one to EL2 */
    bool trapped = class == VS_EL2_SYS64 ? sysreg_traps(e, number, write) : (e->hcr & needs) != 0;
    e->count[VS_CNT_el2_not_trapped] += !trapped;
    return trapped;
}

/* Charges n times the same work to an account. */
static void work(struct vs_el2 *e, struct vs_txn *t, unsigned account, uint64_t n, uint64_t each)
{
    vs_ps d = {n * each * e->wire.clock.period_ps};
    vs_charge_n(t, (uint16_t)(e->base + account), n, d);
}

/* Accesses the pairs of registers that are saved or loaded. */
static void lines(struct vs_el2 *e, struct vs_txn *t, unsigned account, uint64_t from,
                  uint64_t pairs, enum vs_ref ref)
{
    vs_hpa at = {e->vcpu.v + from};
    vs_mem_touches_on(&e->wire.mem, t, at, pairs * 16u, ref, (uint16_t)(e->base + account));
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

/* EL1's registers are read and stored at `from`; those at `to` are loaded and written. */
static void el1_registers(struct vs_el2 *e, struct vs_txn *t, unsigned account, unsigned moved,
                          uint64_t from, uint64_t to)
{
    work(e, t, account, 2 * VS__EL1_REGISTERS, e->config.system);
    lines(e, t, moved, from, VS__EL1_REGISTERS / 2, VS_REF_WRITE);
    lines(e, t, moved, to, VS__EL1_REGISTERS / 2, VS_REF_READ);
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
    work(e, t, VS_ACC_el2_exit_save, VS__GUEST_PAIRS, c->store_pair);
    lines(e, t, VS_ACC_el2_exit_save_lines, VS_EL2_AT_GUEST, VS__GUEST_PAIRS, VS_REF_WRITE);
    work(e, t, VS_ACC_el2_exit_load, VS__HOST_PAIRS, c->store_pair);
    lines(e, t, VS_ACC_el2_exit_load_lines, VS_EL2_AT_HOST, VS__HOST_PAIRS, VS_REF_READ);
    work(e, t, VS_ACC_el2_exit_system, EXIT_SYSTEM, c->system);
    lines(e, t, VS_ACC_el2_exit_system_lines, VS_EL2_AT_ESR, 4, VS_REF_WRITE);
    if (!c->vhe) {
        el1_registers(e, t, VS_ACC_el2_exit_el1, VS_ACC_el2_exit_el1_lines, VS_EL2_AT_EL1,
                      VS_EL2_AT_HOST_EL1);
        work(e, t, VS_ACC_el2_exit_eret, 1, c->eret);
    }
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
    if (!c->vhe) {
        work(e, t, VS_ACC_el2_entry_hvc, 1, c->exception);
        el1_registers(e, t, VS_ACC_el2_entry_el1, VS_ACC_el2_entry_el1_lines, VS_EL2_AT_HOST_EL1,
                      VS_EL2_AT_EL1);
    }
    work(e, t, VS_ACC_el2_entry_save, VS__HOST_PAIRS, c->store_pair);
    lines(e, t, VS_ACC_el2_entry_save_lines, VS_EL2_AT_HOST, VS__HOST_PAIRS, VS_REF_WRITE);
    work(e, t, VS_ACC_el2_entry_system, ENTRY_SYSTEM, c->system);
    work(e, t, VS_ACC_el2_entry_load, VS__GUEST_PAIRS, c->store_pair);
    lines(e, t, VS_ACC_el2_entry_load_lines, VS_EL2_AT_GUEST, VS__GUEST_PAIRS, VS_REF_READ);
    work(e, t, VS_ACC_el2_eret, 1, c->eret);
    vs_txn_actor(t, e->wire.guest_actor);
}
