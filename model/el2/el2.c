/* SPDX-License-Identifier: MIT */
#include "el2/el2.h"

#include <string.h>

#define VS_DEF_NAME el2
#define VS_DEF_FILE "el2/el2.def"
#include "virtsim/def_tables.h"

#define LINE 64u
enum { GUEST_PAIRS = 16, HOST_PAIRS = 6 }; /* x0-x30; x19-x29 and the link register */
enum { GUEST_AT = 0, HOST_AT = 0x200, FAULT_AT = 0x300, PC_AT = 0x100 };
/* KVM's __kvm_vcpu_run_vhe: ESR, FAR, HPFAR, ELR, SPSR; HCR, CPTR, VBAR, MDCR; timer control and
 * offset; ICH_HCR, ICH_VMCR and what list registers are in use */
enum { EXIT_SYSTEM = 16, ENTRY_SYSTEM = 14 };

void vs_el2_init(struct vs_el2 *e, const struct vs_el2_config *config,
                 const struct vs_el2_wiring *wiring, vs_hpa vcpu)
{
    memset(e, 0, sizeof *e);
    e->config = *config;
    e->wire = *wiring;
    e->base = vs_ledger_accounts(wiring->ledger, &vs_el2_desc);
    e->vcpu = vcpu;
    e->hcr = VS_HCR_VM | VS_HCR_IMO | VS_HCR_E2H | (config->trap_wfi ? VS_HCR_TWI : 0) |
             (config->trap_id ? VS_HCR_TID3 : 0) | (config->trap_tlbi ? VS_HCR_TTLB : 0) |
             (config->force_broadcast ? VS_HCR_FB : 0);
}

bool vs_el2_traps_tlbi(struct vs_el2 *e)
{
    bool trapped = (e->hcr & VS_HCR_TTLB) != 0;
    e->count[VS_CNT_el2_not_trapped] += !trapped;
    return trapped;
}

bool vs_el2_traps(struct vs_el2 *e, uint32_t class, bool identification)
{
    uint64_t needs = class == VS_EL2_WFX                       ? VS_HCR_TWI
                     : class == VS_EL2_SYS64 && identification ? VS_HCR_TID3
                     : class == VS_EL2_IRQ                     ? VS_HCR_IMO
                                                               : VS_HCR_VM;
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
    for (uint64_t o = 0; o < pairs * 16u; o += LINE) {
        vs_hpa at = {e->vcpu.v + from + o};
        e->wire.mem.touch(e->wire.mem.ctx, t, at, ref);
    }
}

void vs_el2_exit(struct vs_el2 *e, struct vs_txn *t, uint32_t class, uint64_t guest_physical)
{
    const struct vs_el2_config *c = &e->config;
    e->count[VS_CNT_el2_exits]++;
    if (class != VS_EL2_IRQ) {
        e->esr = (uint64_t) class << 26 | 1u << 25; /* EC, IL */
        e->hpfar = guest_physical >> 12 << 4;       /* HPFAR_EL2.FIPA holds bits 47:12 */
    }
    if (!t) {
        return;
    }
    work(e, t, VS_ACC_el2_exception, 1, c->exception);
    work(e, t, VS_ACC_el2_exit_save, GUEST_PAIRS, c->store_pair);
    lines(e, t, GUEST_AT, GUEST_PAIRS, VS_REF_WRITE);
    work(e, t, VS_ACC_el2_exit_load, HOST_PAIRS, c->store_pair);
    lines(e, t, HOST_AT, HOST_PAIRS, VS_REF_READ);
    work(e, t, VS_ACC_el2_exit_system, EXIT_SYSTEM, c->system);
    lines(e, t, FAULT_AT, 4, VS_REF_WRITE);
}

void vs_el2_enter(struct vs_el2 *e, struct vs_txn *t)
{
    const struct vs_el2_config *c = &e->config;
    e->count[VS_CNT_el2_entries]++;
    if (!t) {
        return;
    }
    work(e, t, VS_ACC_el2_entry_save, HOST_PAIRS, c->store_pair);
    lines(e, t, HOST_AT, HOST_PAIRS, VS_REF_WRITE);
    work(e, t, VS_ACC_el2_entry_system, ENTRY_SYSTEM, c->system);
    work(e, t, VS_ACC_el2_entry_load, GUEST_PAIRS, c->store_pair);
    lines(e, t, GUEST_AT, GUEST_PAIRS, VS_REF_READ);
    work(e, t, VS_ACC_el2_eret, 1, c->eret);
    vs_txn_actor(t, e->wire.guest_actor);
}

/* Fault information stands in one line, return address and state behind the registers. */
static void touch_field(struct vs_el2 *e, struct vs_txn *t, uint32_t field, enum vs_ref ref)
{
    bool register_file = field >= 0x6800u; /* natural-width guest state */
    vs_hpa at = {e->vcpu.v + (register_file ? PC_AT : FAULT_AT)};
    if (t) {
        e->count[VS_CNT_el2_fields]++;
        e->wire.mem.touch(e->wire.mem.ctx, t, at, ref);
    }
}

static bool read_value(void *ctx, struct vs_txn *t, uint32_t field, uint64_t *value)
{
    struct vs_el2 *e = ctx;
    touch_field(e, t, field, VS_REF_READ);
    return e->values.vmread(e->values.ctx, NULL, field, value);
}

static bool write_value(void *ctx, struct vs_txn *t, uint32_t field, uint64_t value)
{
    struct vs_el2 *e = ctx;
    touch_field(e, t, field, VS_REF_WRITE);
    return e->values.vmwrite(e->values.ctx, NULL, field, value);
}

struct vs_vmcs_port vs_el2_port(struct vs_el2 *e, const struct vs_vmcs_port *values)
{
    e->values = *values;
    return (struct vs_vmcs_port){e, read_value, write_value};
}
