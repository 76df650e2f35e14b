/* SPDX-License-Identifier: MIT */
/* VMCB, VMRUN and #VMEXIT. */
#include "svm/svm_impl.h"

#define VS_DEF_NAME svm
#define VS_DEF_FILE "svm/svm.def"
#include "virtsim/def_tables.h"

#define LINE 64u
#define GUEST_CR0 0x80050033u /* Linux: PG, AM, WP, NE, ET, MP, PE */
/* Fields of the state-save area that VMRUN and #VMEXIT move (APM volume 2, 15.5.1, 15.6): ES, CS,
 * SS, DS of 4 each, GDTR and IDTR of 2, CPL, RFLAGS, RIP, RSP, RAX, CR2, DR6, DR7. */
enum { MOVED = 16 + 4 + 8, MOVED_CR = 4, HOST = 12, CONTROL = 24, RECORDED = 6 };
enum { THIS_ASID = 1, ALL = 2 }; /* of svm.tlb_control */
enum { HOST_BYTES = 0x400 };

void vs_svm_init(struct vs_svm *s, const struct vs_svm_config *config,
                 const struct vs_svm_wiring *wiring)
{
    memset(s, 0, sizeof *s);
    s->config = *config;
    s->wire = *wiring;
    s->base = vs_ledger_accounts(wiring->ledger, &vs_svm_desc);
}

/* TLB_CONTROL: 0 nothing, 1 everything, 3 this ASID, 7 its non-global entries */
static void tlb_control(struct vs_svm *s, uint64_t what)
{
    static const uint64_t control[] = {0, 3, 1, 7};
    vs_svm_put(s, VS_VMCB_ASID, s->asid | control[what] << 32);
}

void vs_svm_setup(struct vs_svm *s, vs_hpa vmcb, vs_hpa host_area, vs_hpa msrpm, vs_hpa iopm,
                  uint16_t asid, uint64_t ncr3)
{
    const struct vs_svm_config *c = &s->config;
    s->vmcb = vmcb;
    s->host_area = host_area;
    s->msrpm = msrpm;
    s->iopm = iopm;
    s->asid = asid;
    vs__svm_write_intercepts(s, ncr3 != 0);
    vs_svm_put(s, VS_VMCB_PAUSE_THRESHOLD & ~7ull, c->pause_threshold << 32 | c->pause_count << 48);
    vs_svm_put(s, VS_VMCB_IOPM, iopm.v);
    vs_svm_put(s, VS_VMCB_MSRPM, msrpm.v);
    tlb_control(s, c->tlb_control);
    vs_svm_put(s, VS_VMCB_INT_CTL, VS_SVM_V_INTR_MASKING);
    vs_svm_put(s, VS_VMCB_NESTED, ncr3 != 0);
    vs_svm_put(s, VS_VMCB_NCR3, ncr3);
    vs_svm_put(s, VS_VMCB_CR0, GUEST_CR0);
    vs_svm_put(s, VS_VMCB_RFLAGS, 2u | VS_SVM_RFLAGS_IF); /* bit 1 is always set */
}

static void work(struct vs_svm *s, struct vs_txn *t, unsigned account, uint64_t n, uint64_t cycles)
{
    vs_ps d = {cycles * s->wire.clock.period_ps};
    if (n) {
        vs_charge_n(t, (uint16_t)(s->base + account), n, d);
    }
}

static void lines(struct vs_svm *s, struct vs_txn *t, vs_hpa base, uint64_t from, uint64_t to,
                  enum vs_ref ref)
{
    vs_mem_touches(&s->wire.mem, t, vs_svm_at(base, from), to - from, ref);
}

/* What the exit leaves in the VMCB; the event that the entry injected does not come again. */
static void record(struct vs_svm *s, uint32_t code, uint64_t info1, uint64_t info2, uint8_t length)
{
    vs_svm_put(s, VS_VMCB_EXITCODE, code);
    vs_svm_put(s, VS_VMCB_EXITINFO1, info1);
    vs_svm_put(s, VS_VMCB_EXITINFO2, info2);
    vs_svm_put(s, VS_VMCB_EXITINTINFO, 0); /* no exit here interrupts the delivery of an event */
    vs_svm_put(s, VS_VMCB_NRIP, length ? vs_svm_get(s, VS_VMCB_RIP) + length : 0);
    vs_svm_put(s, VS_VMCB_EVENTINJ, 0);
    vs_svm_put(s, VS_VMCB_RFLAGS, s->rflags);
    vs_svm_put(s, VS_VMCB_INT_STATE, s->int_state);
    vs_svm_put(s, VS_VMCB_INT_CTL, s->int_ctl);
}

void vs_svm_exit(struct vs_svm *s, struct vs_txn *t, uint32_t code, uint64_t info1, uint64_t info2,
                 uint8_t length)
{
    const struct vs_svm_config *c = &s->config;
    s->count[VS_CNT_svm_exits]++;
    s->in_guest = false;
    record(s, code, info1, info2, length);
    if (!t) {
        return;
    }
    work(s, t, VS_ACC_svm_exit_detect, 1, c->exit_detect);
    work(s, t, VS_ACC_svm_exit_save, MOVED + MOVED_CR, (MOVED + MOVED_CR) * c->field_save);
    lines(s, t, s->vmcb, VS_VMCB_STATE, VS_VMCB_STATE_END, VS_REF_WRITE);
    work(s, t, VS_ACC_svm_exit_info, RECORDED, RECORDED * c->field_save);
    lines(s, t, s->vmcb, VS_VMCB_EXITCODE / LINE * LINE, VS_VMCB_CONTROL_BYTES, VS_REF_WRITE);
    work(s, t, VS_ACC_svm_exit_load, HOST,
         (HOST - MOVED_CR) * c->field_load + MOVED_CR * c->field_load_cr);
    lines(s, t, s->host_area, 0, HOST_BYTES, VS_REF_READ);
    work(s, t, VS_ACC_svm_vmload, 2, 2 * c->vmload);
    work(s, t, VS_ACC_svm_gif, 1, c->gif);
}

void vs_svm_flush_asid(struct vs_svm *s, struct vs_txn *t)
{
    s->flush = true;
    tlb_control(s, s->config.tlb_control == ALL ? ALL : THIS_ASID);
    if (t) {
        s->wire.mem.touch(s->wire.mem.ctx, t, vs_svm_at(s->vmcb, VS_VMCB_TLB_CONTROL),
                          VS_REF_WRITE);
    }
}

/* What TLB_CONTROL says; the hypervisor clears what it asked for once. */
static void flush(struct vs_svm *s, struct vs_txn *t)
{
    static const enum vs_flush drops[] = {VS_FLUSH_ASID, VS_FLUSH_ASID, VS_FLUSH_ASIDS,
                                          VS_FLUSH_ASID_NONGLOBAL};
    uint64_t what = s->config.tlb_control;
    what = s->flush && what != ALL ? THIS_ASID : what;
    if (!what) {
        return;
    }
    s->count[VS_CNT_svm_flushes]++;
    work(s, t, VS_ACC_svm_entry_tlb, 1, s->config.tlb_flush);
    if (s->wire.tlb.flush) {
        (void)s->wire.tlb.flush(s->wire.tlb.ctx, t, drops[what], s->asid, 0, 0, (vs_gva){0});
    }
    if (s->flush) {
        s->flush = false;
        tlb_control(s, s->config.tlb_control);
    }
}

bool vs_svm_enter(struct vs_svm *s, struct vs_txn *t)
{
    const struct vs_svm_config *c = &s->config;
    if (!s->asid) {
        return false;
    }
    s->count[VS_CNT_svm_entries]++;
    s->in_guest = true;
    s->rflags = vs_svm_get(s, VS_VMCB_RFLAGS);
    s->int_state = vs_svm_get(s, VS_VMCB_INT_STATE);
    s->int_ctl = vs_svm_get(s, VS_VMCB_INT_CTL);
    s->pause_left = vs_svm_pause_count(s);
    if (!t) {
        return true;
    }
    work(s, t, VS_ACC_svm_gif, 1, c->gif);
    work(s, t, VS_ACC_svm_vmload, 1, c->vmload);
    work(s, t, VS_ACC_svm_entry_begin, 1, c->entry_begin);
    work(s, t, VS_ACC_svm_entry_save, HOST, HOST * c->field_save);
    lines(s, t, s->host_area, 0, HOST_BYTES, VS_REF_WRITE);
    work(s, t, VS_ACC_svm_entry_control, CONTROL, CONTROL * c->field_load);
    lines(s, t, s->vmcb, 0, VS_VMCB_CONTROL_BYTES, VS_REF_READ);
    work(s, t, VS_ACC_svm_entry_load, MOVED + MOVED_CR,
         MOVED * c->field_load + MOVED_CR * c->field_load_cr);
    lines(s, t, s->vmcb, VS_VMCB_STATE, VS_VMCB_STATE_END, VS_REF_READ);
    flush(s, t);
    work(s, t, VS_ACC_svm_entry_fetch, 1, c->entry_fetch);
    vs_txn_actor(t, s->wire.guest_actor);
    return true;
}
