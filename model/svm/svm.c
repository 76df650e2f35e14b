/* SPDX-License-Identifier: MIT */
#include "svm/svm.h"

#include <string.h>

#define VS_DEF_NAME svm
#define VS_DEF_FILE "svm/svm.def"
#include "virtsim/def_tables.h"

#define LINE 64u
/* Fields of the state-save area that VMRUN and #VMEXIT move (APM volume 2, 15.5.1, 15.6): ES, CS,
 * SS, DS of 4 each, GDTR and IDTR of 2, CPL, RFLAGS, RIP, RSP, RAX, CR2, DR6, DR7. */
enum { MOVED = 16 + 4 + 8, MOVED_CR = 4, HOST = 12, CONTROL = 24, RECORDED = 6 };
enum { THIS_ASID = 1, ALL = 2 }; /* of svm.tlb_control */
enum { HOST_BYTES = 0x400, VECTOR_BITS = 0xa0 };

void vs_svm_init(struct vs_svm *s, const struct vs_svm_config *config,
                 const struct vs_svm_wiring *wiring)
{
    memset(s, 0, sizeof *s);
    s->config = *config;
    s->wire = *wiring;
    s->base = vs_ledger_accounts(wiring->ledger, &vs_svm_desc);
}

static vs_hpa at(vs_hpa base, uint64_t offset)
{
    return (vs_hpa){base.v + offset};
}

/* TLB_CONTROL: 0 nothing, 1 everything, 3 this ASID, 7 its non-global entries */
static void tlb_control(struct vs_svm *s, uint64_t what)
{
    static const uint64_t control[] = {0, 3, 1, 7};
    vs_phys_write64(s->wire.phys, at(s->vmcb, VS_VMCB_ASID), s->asid | control[what] << 32);
}

void vs_svm_setup(struct vs_svm *s, vs_hpa vmcb, vs_hpa host_area, vs_hpa msrpm, vs_hpa iopm,
                  uint16_t asid, uint64_t ncr3)
{
    /* Of control registers and exceptions: KVM's init_vmcb (#DB, #UD, #AC, #MC). */
    static const uint32_t always[] = {
        VS_SVM_READ_CR0,       VS_SVM_READ_CR0 + 4,  VS_SVM_WRITE_CR0,     VS_SVM_WRITE_CR0 + 4,
        VS_SVM_WRITE_CR0 + 8,  VS_SVM_EXCEPTION + 1, VS_SVM_EXCEPTION + 6, VS_SVM_EXCEPTION + 17,
        VS_SVM_EXCEPTION + 18, VS_SVM_INTR,          VS_SVM_NMI,           VS_SVM_RDTSC,
        VS_SVM_SHUTDOWN,       VS_SVM_VINTR,         VS_SVM_PAUSE,         VS_SVM_WBINVD,
        VS_SVM_XSETBV};
    const struct vs_svm_config *c = &s->config;
    const struct {
        uint32_t code;
        bool on;
    } chosen[] = {{VS_SVM_CPUID, c->intercept_cpuid},
                  {VS_SVM_HLT, c->intercept_hlt},
                  {VS_SVM_IOIO, c->intercept_io},
                  {VS_SVM_MSR, c->intercept_msr},
                  {VS_SVM_VMMCALL, c->intercept_vmmcall},
                  {VS_SVM_INVLPG, !ncr3 || s->wire.invlpg},
                  {VS_SVM_EXCEPTION + 14, !ncr3}, /* #PF */
                  {VS_SVM_READ_CR0 + 3, !ncr3 || s->wire.cr3_store},
                  {VS_SVM_WRITE_CR0 + 3, !ncr3 || s->wire.cr3_load}};
    uint8_t vector[VECTOR_BITS / 8] = {0};
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        vector[always[i] / 8u] |= (uint8_t)(1u << always[i] % 8u);
    }
    for (size_t i = 0; i < sizeof chosen / sizeof chosen[0]; i++) {
        vector[chosen[i].code / 8u] |= (uint8_t)((unsigned)chosen[i].on << chosen[i].code % 8u);
    }
    s->vmcb = vmcb;
    s->host_area = host_area;
    s->msrpm = msrpm;
    s->iopm = iopm;
    s->asid = asid;
    vs_phys_write(s->wire.phys, at(vmcb, VS_VMCB_INTERCEPTS), vector, sizeof vector);
    vs_phys_write64(s->wire.phys, at(vmcb, VS_VMCB_IOPM), iopm.v);
    vs_phys_write64(s->wire.phys, at(vmcb, VS_VMCB_MSRPM), msrpm.v);
    tlb_control(s, c->tlb_control);
    vs_phys_write64(s->wire.phys, at(vmcb, VS_VMCB_NESTED), ncr3 != 0);
    vs_phys_write64(s->wire.phys, at(vmcb, VS_VMCB_NCR3), ncr3);
}

bool vs_svm_intercepts(struct vs_svm *s, struct vs_txn *t, uint32_t code, uint32_t number)
{
    uint8_t vector[VECTOR_BITS / 8];
    vs_phys_read(s->wire.phys, at(s->vmcb, VS_VMCB_INTERCEPTS), vector, sizeof vector);
    if (code < VECTOR_BITS && !(vector[code / 8u] >> code % 8u & 1u)) {
        s->count[VS_CNT_svm_not_intercepted]++;
        return false;
    }
    /* The maps: two bits an MSR in 2 KiB for each of three ranges (15.11), one bit a port (15.10).
     * Which entries are set is the hypervisor's business; looking them up is the processor's. */
    if (code == VS_SVM_MSR || code == VS_SVM_IOIO) {
        uint64_t range = number >= 0xc0010000u ? 2 : number >= 0xc0000000u ? 1 : 0;
        vs_hpa word = code == VS_SVM_MSR
                          ? at(s->msrpm, range * 0x800u + (number & 0x1fffu) / 4u / 8u * 8u)
                          : at(s->iopm, (number & 0xffffu) / 8u / 8u * 8u);
        s->count[VS_CNT_svm_map_lookups]++;
        if (t) {
            s->wire.mem.touch(s->wire.mem.ctx, t, word, VS_REF_READ);
        }
    }
    return true;
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
    for (uint64_t o = from; o < to; o += LINE) {
        s->wire.mem.touch(s->wire.mem.ctx, t, at(base, o), ref);
    }
}

void vs_svm_exit(struct vs_svm *s, struct vs_txn *t, uint32_t code, uint64_t info1, uint64_t info2)
{
    const struct vs_svm_config *c = &s->config;
    s->count[VS_CNT_svm_exits]++;
    vs_phys_write64(s->wire.phys, at(s->vmcb, VS_VMCB_EXITCODE), code);
    vs_phys_write64(s->wire.phys, at(s->vmcb, VS_VMCB_EXITINFO1), info1);
    vs_phys_write64(s->wire.phys, at(s->vmcb, VS_VMCB_EXITINFO2), info2);
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
        s->wire.mem.touch(s->wire.mem.ctx, t, at(s->vmcb, VS_VMCB_TLB_CONTROL), VS_REF_WRITE);
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

void vs_svm_enter(struct vs_svm *s, struct vs_txn *t)
{
    const struct vs_svm_config *c = &s->config;
    s->count[VS_CNT_svm_entries]++;
    if (!t) {
        return;
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
}

/* Where AMD keeps what a VMX encoding names; 0 = nowhere (a register or a bit the handler has). */
static uint64_t offset_of(uint32_t field)
{
    static const struct {
        uint16_t field, offset;
    } map[] = {{0x2400, VS_VMCB_EXITINFO2},    {0x4002, VS_VMCB_INTERCEPTS},
               {0x4016, VS_VMCB_EVENTINJ},     {0x4018, VS_VMCB_EVENTINJ},
               {0x4402, VS_VMCB_EXITCODE},     {0x4404, VS_VMCB_EXITINTINFO},
               {0x4408, VS_VMCB_EXITINTINFO},  {0x440c, VS_VMCB_NRIP},
               {0x4816, VS_VMCB_STATE + 0x10}, {0x4824, VS_VMCB_INT_STATE},
               {0x6400, VS_VMCB_EXITINFO1},    {0x6802, VS_VMCB_CR3},
               {0x681c, VS_VMCB_RSP},          {0x681e, VS_VMCB_RIP},
               {0x6820, VS_VMCB_RFLAGS},       {0x0810, 0x060}};
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++) {
        if (map[i].field == field) {
            return map[i].offset;
        }
    }
    return 0;
}

static void touch_field(struct vs_svm *s, struct vs_txn *t, uint32_t field, enum vs_ref ref)
{
    uint64_t offset = offset_of(field);
    if (t && offset) {
        s->count[VS_CNT_svm_fields]++;
        s->wire.mem.touch(s->wire.mem.ctx, t, at(s->vmcb, offset), ref);
    }
}

static bool read_value(void *ctx, struct vs_txn *t, uint32_t field, uint64_t *value)
{
    struct vs_svm *s = ctx;
    touch_field(s, t, field, VS_REF_READ);
    return s->values.vmread(s->values.ctx, NULL, field, value);
}

static bool write_value(void *ctx, struct vs_txn *t, uint32_t field, uint64_t value)
{
    struct vs_svm *s = ctx;
    touch_field(s, t, field, VS_REF_WRITE);
    return s->values.vmwrite(s->values.ctx, NULL, field, value);
}

struct vs_vmcs_port vs_svm_port(struct vs_svm *s, const struct vs_vmcs_port *values)
{
    s->values = *values;
    return (struct vs_vmcs_port){s, read_value, write_value};
}
