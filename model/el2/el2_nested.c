/* SPDX-License-Identifier: MIT */
/* A guest hypervisor's exits and entries: what its own switch executes, and what the host's does.
 */
#include "el2/el2_nested.h"
#include "el2/el2_impl.h"

#include <stdio.h>
#include <string.h>

#define VS_DEF_NAME el2_nested
#define VS_DEF_FILE "el2/nested.def"
#include "virtsim/def_tables.h"

#define PSTATE_EL(spsr) ((spsr) >> VS_PSTATE_EL_SHIFT & VS_PSTATE_EL_MASK)
#define EL1H (1ull << VS_PSTATE_EL_SHIFT | 1u)
#define MASKED (15ull << 6) /* PSTATE.DAIF */
#define PAGE_EL1 0x100u     /* EL1's registers in the page: nested_registers.def */
#define PAGE_EL1_BYTES 0x160u
#define EC(esr) ((uint32_t)((esr) >> 26) & 0x3fu)

/* The registers by their names. */
enum {
    NONE,
#define VS_NV_REGISTER(name, op0, op1, crn, crm, op2, kind, offset)                                \
    name = VS_SYSREG(op0, op1, crn, crm, op2),
#include "el2/nested_registers.def"
};

/* ---- memory ---- */

/* Accesses one line. */
static void touch(const struct vs_el2_nested *n, struct vs_txn *t, uint64_t at, uint64_t bytes,
                  enum vs_ref ref, unsigned account)
{
    if (t) {
        vs_mem_touches_on(&n->e->wire.mem, t, (vs_hpa){at}, bytes, ref,
                          (uint16_t)(n->base + account));
    }
}

/* Charges n times the same work to an account. */
static void work(const struct vs_el2_nested *n, struct vs_txn *t, unsigned account, uint64_t times,
                 uint64_t each)
{
    if (t) {
        vs_charge_n(t, (uint16_t)(n->base + account), times,
                    (vs_ps){times * each * n->e->wire.clock.period_ps});
    }
}

/* A register of virtual EL2 in the page, without time. */
static uint64_t in_page(const struct vs_el2_nested *n, uint32_t sysreg)
{
    uint64_t at = n->page.v + vs_el2_nv(0, sysreg, false).offset;
    return vs_phys_read64(n->e->wire.phys, (vs_hpa){at});
}

/* A word of a vCPU structure, without time. */
static uint64_t word(const struct vs_el2_nested *n, vs_hpa vcpu, uint64_t offset)
{
    return vs_phys_read64(n->e->wire.phys, (vs_hpa){vcpu.v + offset});
}

/* Writes one. */
static void set_word(const struct vs_el2_nested *n, vs_hpa vcpu, uint64_t offset, uint64_t value)
{
    vs_phys_write64(n->e->wire.phys, (vs_hpa){vcpu.v + offset}, value);
}

/* ---- the levels ---- */

/* kvm_arch_vcpu_put and kvm_arch_vcpu_load: EL1's registers become those of the other level.
 * Virtual EL2's are in the vCPU structure, those of EL1 below it where the page has them. */
static void other_level(const struct vs_el2_nested *n, struct vs_txn *t, bool to_el2)
{
    const uint64_t el2 = n->e->vcpu.v + VS_EL2_AT_EL1, el1 = n->page.v + PAGE_EL1;
    work(n, t, VS_ACC_el2_nested_moved, (uint64_t)2u * VS__EL1_REGISTERS, n->e->config.system);
    touch(n, t, to_el2 ? el1 : el2, to_el2 ? PAGE_EL1_BYTES : VS__EL1_REGISTERS * 8u, VS_REF_WRITE,
          VS_ACC_el2_nested_moved_lines);
    touch(n, t, to_el2 ? el2 : el1, to_el2 ? VS__EL1_REGISTERS * 8u : PAGE_EL1_BYTES, VS_REF_READ,
          VS_ACC_el2_nested_moved_lines);
}

/* What traps while the guest hypervisor is at virtual EL2. */
static void at_el2(struct vs_el2_nested *n)
{
    struct vs_el2 *e = n->e;
    e->hcr = vs_el2_nv_hcr(n->hcr01, e->config.nv, n->config.vhe != 0);
    e->cptr = n->cptr01 | (n->config.vhe ? VS_CPTR_TCPAC : 0);
}

/* What traps below it: of its host at EL1 as of any guest, of its guest what both ask for. */
static void at_el1(struct vs_el2_nested *n, bool guest)
{
    struct vs_el2 *e = n->e;
    const uint64_t not_taken = VS_HCR_TGE | VS_HCR_API | VS_HCR_APK; /* NV_HCR_GUEST_EXCLUDE */
    e->hcr = n->hcr01 | (guest ? in_page(n, HCR_EL2) & ~not_taken : 0);
    e->cptr = n->cptr01;
}

/* ---- an exit that is handed on: kvm_inject_nested ---- */

/* What the exception to EL2 has said becomes what one to virtual EL2 says. */
static void save(void *ctx, struct vs_txn *t)
{
    struct vs_el2_nested *n = ctx;
    const vs_hpa vcpu = n->e->vcpu;
    n->count[VS_CNT_el2_nested_reflected]++;
    n->el2.elr = word(n, vcpu, VS_EL2_AT_PC);
    n->el2.spsr = word(n, vcpu, VS_EL2_AT_PSTATE);
    if (!n->interrupted) { /* an interrupt has no syndrome */
        n->el2.esr = word(n, vcpu, VS_EL2_AT_ESR);
        n->el2.far = word(n, vcpu, VS_EL2_AT_FAR);
        n->el2.hpfar = word(n, vcpu, VS_EL2_AT_HPFAR);
    } else {
        n->el2.esr = 0;
    }
    n->interrupted = false;
    touch(n, t, vcpu.v + VS_EL2_AT_PC, 16, VS_REF_READ, VS_ACC_el2_nested_emulated);
    touch(n, t, vcpu.v + VS_EL2_AT_ESR, 24, VS_REF_READ, VS_ACC_el2_nested_emulated);
    touch(n, t, vcpu.v + VS_EL2_AT_EL1, 40, VS_REF_WRITE, VS_ACC_el2_nested_emulated);
}

/* The next exit that is handed on is no exception of the guest's: an interrupt of virtual EL2. */
static void becomes(void *ctx, enum vs_trap_kind trap, uint8_t vector)
{
    struct vs_el2_nested *n = ctx;
    (void)trap;
    (void)vector; /* its interrupt controller says which */
    n->interrupted = n->arrived = true;
    n->count[VS_CNT_el2_nested_events]++;
}

/* kvm_inject_nested behind that: virtual EL2's registers are loaded, its vector is what runs. */
static void leave(void *ctx, struct vs_txn *t)
{
    struct vs_el2_nested *n = ctx;
    other_level(n, t, true);
    set_word(n, n->e->vcpu, VS_EL2_AT_PSTATE, EL1H | MASKED); /* to_hw_pstate of EL2h */
    touch(n, t, n->e->vcpu.v + VS_EL2_AT_PC, 16, VS_REF_WRITE, VS_ACC_el2_nested_emulated);
    at_el2(n);
}

/* ---- an ERET of the guest hypervisor into its guest: kvm_emulate_nested_eret ---- */

/* kvm_check_illegal_exception_return, of a guest that has no AArch32. */
static bool check(void *ctx, struct vs_txn *t)
{
    struct vs_el2_nested *n = ctx;
    const uint64_t spsr = n->el2.spsr, level = PSTATE_EL(spsr), hcr = in_page(n, HCR_EL2);
    touch(n, t, n->page.v + vs_el2_nv(0, HCR_EL2, false).offset, 8, VS_REF_READ,
          VS_ACC_el2_nested_emulated);
    n->failed = spsr & 2u                         ? "its bit M[1] is set"
                : level > 2u                      ? "it is a return to EL3"
                : level == 1u && hcr & VS_HCR_TGE ? "it is one to EL1 while HCR_EL2.TGE is set"
                                                  : NULL;
    return !n->failed;
}

/* Its guest is what the next entry enters. */
static void merge(void *ctx, struct vs_txn *t)
{
    struct vs_el2_nested *n = ctx;
    n->count[VS_CNT_el2_nested_entries]++;
    other_level(n, t, false);
    set_word(n, n->e->vcpu, VS_EL2_AT_PC, n->el2.elr);
    set_word(n, n->e->vcpu, VS_EL2_AT_PSTATE, n->el2.spsr);
    touch(n, t, n->e->vcpu.v + VS_EL2_AT_PC, 16, VS_REF_WRITE, VS_ACC_el2_nested_emulated);
    at_el1(n, true);
}

/* Says why the guest hypervisor's ERET is none. */
static void why(void *ctx, char *out, size_t bytes)
{
    const struct vs_el2_nested *n = ctx;
    snprintf(out, bytes, "the guest hypervisor's ERET is illegal: of SPSR_EL2 = 0x%llx %s",
             (unsigned long long)n->el2.spsr, n->failed ? n->failed : "no rule is broken");
}

/* ---- whose an exit is ---- */

/* triage_sysreg_trap, kvm_handle_wfx and their kin: what the guest hypervisor's HCR_EL2 would have
 * sent to it. Physical interrupts and floating point are the host's. */
static bool wants(void *ctx, struct vs_txn *t, const struct vs_trap *trap,
                  const struct vs_exit *exit)
{
    struct vs_el2_nested *n = ctx;
    struct vs_el2 *e = n->e;
    struct vs_el2_syndrome s = {0};
    const uint64_t own = e->hcr, passed = e->count[VS_CNT_el2_not_trapped];
    (void)exit;
    n->count[VS_CNT_el2_nested_exits] += t != NULL;
    if (trap->kind == VS_TRAP_INTERRUPT || trap->kind == VS_TRAP_FLOATING_POINT) {
        return false;
    }
    e->hcr = in_page(n, HCR_EL2);
    bool is = vs__el2_decide(e, trap, &s) >= 0;
    e->hcr = own;
    e->count[VS_CNT_el2_not_trapped] = passed;
    touch(n, t, n->page.v + vs_el2_nv(0, HCR_EL2, false).offset, 8, VS_REF_READ,
          VS_ACC_el2_nested_emulated);
    return is;
}

/* ---- what the guest hypervisor executes ---- */

enum side { EXIT, ENTRY };
enum mode { NVHE, VHE };
enum insn { MRS, MSR, ERET, HVC };
enum when { ALWAYS, ABORT, LISTED };

static const struct step {
    uint8_t side, mode, insn, when;
    uint32_t sysreg;
} steps[] = {
#define VS_NV_STEP(side, mode, instruction, reg, when, where) {side, mode, instruction, when, reg},
#include "el2/nested_switch.def"
};

/* It executes this step behind the exit of its guest that it has, or before the entry. */
static bool executed(const struct vs_el2_nested *n, const struct step *s, bool entry)
{
    const uint32_t class = EC(n->el2.esr);
    bool aborted = class == VS_EL2_IABT_LOW || class == VS_EL2_DABT_LOW;
    return s->side == (entry ? ENTRY : EXIT) && s->mode == (n->config.vhe ? VHE : NVHE) &&
           (s->when == ALWAYS || (s->when == ABORT ? aborted : n->listed));
}

/* What it writes to a register of virtual EL2 that decides: HCR_EL2 of its guest, or of its host.
 */
static uint64_t written(const struct vs_el2_nested *n, const struct step *s, bool entry)
{
    const uint64_t e2h = n->config.vhe ? VS_HCR_E2H : 0,
                   host = VS_HCR_RW | (n->config.vhe ? VS_HCR_E2H | VS_HCR_TGE : 0),
                   guest = (n->hcr01 & ~(VS_HCR_E2H | (n->config.trap_wfi ? 0 : VS_HCR_TWI))) | e2h;
    return s->sysreg == HCR_EL2 ? (entry ? guest : host) : 0;
}

/* The i-th instruction of its world switch that may leave it; false: there is no further one. */
static bool around(void *ctx, bool entry, unsigned i, struct vs_nested_step *out)
{
    struct vs_el2_nested *n = ctx;
    if (entry && n->arrived) { /* vgic_v3_populate_lr */
        n->listed = true;
        n->arrived = false;
    }
    const struct step *end = steps + sizeof steps / sizeof steps[0], *s = steps;
    for (; s < end; s++) {
        if (executed(n, s, entry) && i-- == 0) {
            break;
        }
    }
    if (s == end) {
        n->listed = n->listed && entry; /* an exit has saved them */
        return false;
    }
    bool sysreg = s->insn == MRS || s->insn == MSR;
    *out = (struct vs_nested_step){
        .trap = {.kind = !sysreg          ? VS_TRAP_NESTED_LEVEL
                         : s->insn == MSR ? VS_TRAP_STATE_WRITE
                                          : VS_TRAP_STATE_READ,
                 .number = sysreg           ? s->sysreg
                           : s->insn == HVC ? VS_EL2_HVC64
                                            : VS_EL2_ERET,
                 .value = written(n, s, entry),
                 .write = s->insn == MSR,
                 .length = 4},
        .quick = s->sysreg == CPACR_EL1, /* kvm_hyp_handle_cpacr_el1 */
    };
    return true;
}

/* __guest_exit, and __guest_enter: general registers. */
static void moves(void *ctx, struct vs_txn *t, bool entry)
{
    struct vs_el2_nested *n = ctx;
    const struct vs_el2 *e = n->e;
    const uint64_t guest = n->vcpu12.v + VS_EL2_AT_GUEST, host = n->vcpu12.v + VS_EL2_AT_HOST;
    work(n, t, VS_ACC_el2_nested_general, (uint64_t)VS__GUEST_PAIRS + VS__HOST_PAIRS,
         e->config.store_pair);
    touch(n, t, guest, (uint64_t)VS__GUEST_PAIRS * 16u, entry ? VS_REF_READ : VS_REF_WRITE,
          VS_ACC_el2_nested_general_lines);
    touch(n, t, host, (uint64_t)VS__HOST_PAIRS * 16u, entry ? VS_REF_WRITE : VS_REF_READ,
          VS_ACC_el2_nested_general_lines);
    if (entry) {
        n->el2.elr = word(n, n->vcpu12, VS_EL2_AT_PC);
        n->el2.spsr = word(n, n->vcpu12, VS_EL2_AT_PSTATE);
        return;
    }
    set_word(n, n->vcpu12, VS_EL2_AT_PC, n->el2.elr);
    set_word(n, n->vcpu12, VS_EL2_AT_PSTATE, n->el2.spsr);
    set_word(n, n->vcpu12, VS_EL2_AT_ESR, n->el2.esr);
    set_word(n, n->vcpu12, VS_EL2_AT_FAR, n->el2.far);
    set_word(n, n->vcpu12, VS_EL2_AT_HPFAR, n->el2.hpfar);
    touch(n, t, n->vcpu12.v + VS_EL2_AT_ESR, 24, VS_REF_WRITE, VS_ACC_el2_nested_general_lines);
}

/* A write of a register that is in the page takes effect there, whoever carries it out. */
static void store(const struct vs_el2_nested *n, const struct vs_trap *trap, uint16_t offset)
{
    if (trap->write && trap->number == HCR_EL2) {
        set_word(n, n->page, offset, trap->value);
    }
}

/* The host's hypervisor carries out what has left the guest hypervisor: kvm_handle_sys_reg, or a
 * change of its level. */
static void carry_out(void *ctx, struct vs_txn *t, const struct vs_trap *trap)
{
    struct vs_el2_nested *n = ctx;
    if (trap->kind == VS_TRAP_NESTED_LEVEL) {
        bool up = trap->number == VS_EL2_HVC64;
        n->count[VS_CNT_el2_nested_levels]++;
        other_level(n, t, up);
        if (up) {
            at_el2(n);
        } else {
            at_el1(n, false);
        }
        return;
    }
    const uint16_t offset = vs_el2_nv(0, trap->number, trap->write).offset;
    n->count[VS_CNT_el2_nested_trapped]++;
    touch(n, t, offset ? n->page.v + offset : n->e->vcpu.v + VS_EL2_AT_EL1, 8,
          trap->write ? VS_REF_WRITE : VS_REF_READ, VS_ACC_el2_nested_emulated);
    store(n, trap, offset);
}

/* The processor carries out an access that has not. */
static void executes(void *ctx, struct vs_txn *t, const struct vs_trap *trap)
{
    struct vs_el2_nested *n = ctx;
    const struct vs_el2_nv is = vs_el2_nv(n->e->hcr, trap->number, trap->write);
    bool page = is.way == VS_NV_PAGE;
    n->count[page ? VS_CNT_el2_nested_in_page : VS_CNT_el2_nested_in_register]++;
    if (!page) {
        work(n, t, VS_ACC_el2_nested_plain, 1, n->e->config.system);
        return;
    }
    touch(n, t, n->page.v + is.offset, 8, trap->write ? VS_REF_WRITE : VS_REF_READ,
          VS_ACC_el2_nested_page);
    store(n, trap, is.offset);
}

/* ERET: by it the guest hypervisor enters its guest. */
static struct vs_trap entry_trap(void *ctx)
{
    (void)ctx;
    return (struct vs_trap){.kind = VS_TRAP_NESTED_ENTRY, .length = 4};
}

/* A load or store of a handler of the guest hypervisor's to the vCPU structure of its guest. An
 * event that its entry is to carry is one for a list register. */
static void access(void *ctx, struct vs_txn *t, enum vs_state what, bool write, uint64_t *value)
{
    struct vs_el2_nested *n = ctx;
    struct vs_el2 *e = n->e;
    const vs_hpa own = e->vcpu;
    const uint64_t fields = e->count[VS_CNT_el2_fields];
    n->count[VS_CNT_el2_nested_accesses] += t != NULL;
    n->arrived = n->arrived || (write && what == VS_STATE_ENTRY_INTR);
    e->vcpu = n->vcpu12;
    if (write) {
        (void)vs__el2_write_state(e, t, what, *value);
    } else {
        (void)vs__el2_read_state(e, t, what, value);
    }
    e->vcpu = own;
    e->count[VS_CNT_el2_fields] = fields; /* those are the host's handlers' */
}

struct vs_nested_port vs_el2_nested_port(struct vs_el2_nested *n)
{
    return (struct vs_nested_port){.ctx = n,
                                   .wants = wants,
                                   .save = save,
                                   .becomes = becomes,
                                   .guest_timer = true,
                                   .leave = leave,
                                   .check = check,
                                   .merge = merge,
                                   .why = why,
                                   .entry_trap = entry_trap,
                                   .around = around,
                                   .moves = moves,
                                   .carry_out = carry_out,
                                   .executes = executes,
                                   .emulate = access,
                                   .shadowed = access};
}

/* ---- making it ---- */

void vs_el2_nested_setup(struct vs_el2_nested *n, struct vs_el2 *e, uint16_t host_actor,
                         vs_hpa page, vs_hpa vcpu12, uint64_t vttbr)
{
    const struct step hcr = {ENTRY, VHE, MSR, ALWAYS, HCR_EL2};
    n->e = e;
    n->page = page;
    n->vcpu12 = vcpu12;
    n->hcr01 = e->hcr;
    n->cptr01 = e->cptr;
    n->base = vs_ledger_accounts(e->wire.ledger, &vs_el2_nested_desc);
    vs_ledger_counters(e->wire.ledger, host_actor, &vs_el2_nested_desc, n->count);
    set_word(n, page, vs_el2_nv(0, HCR_EL2, true).offset, written(n, &hcr, true));
    set_word(n, page, vs_el2_nv(0, VTTBR_EL2, true).offset, vttbr);
    set_word(n, vcpu12, VS_EL2_AT_PSTATE, EL1H);
    n->el2.spsr = EL1H;
    at_el1(n, true);
}
