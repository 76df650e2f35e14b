/* SPDX-License-Identifier: MIT */
/* The VMCS as a region in memory, and the instructions that manage and access it. */
#include "vmcs/vmcs_impl.h"

#define VS_DEF_NAME vmcs
#define VS_DEF_FILE "vmcs/vmcs.def"
#include "virtsim/def_tables.h"

#define ALWAYS VS_VMCS_X_ALWAYS
#define NEVER VS_VMCS_X_NEVER
#define PIN(bit) (VS_VMCS_X_PIN | (bit))
#define PROC(bit) (VS_VMCS_X_PROC | (bit))
#define PROC2(bit) (VS_VMCS_X_PROC2 | (bit))
#define PROC3(bit) (VS_VMCS_X_PROC3 | (bit))
#define EXIT(bit) (VS_VMCS_X_EXIT | (bit))
#define ENTRY(bit) (VS_VMCS_X_ENTRY | (bit))

const struct vs_vmcs_field vs_vmcs_fields[VS_VMCS_FIELDS] = {
#define VS_VMCS_FIELD(name, encoding, width, area, exists, group, text)                            \
    {#name, text, encoding, (uint16_t)(exists), VS_VMCS_##width, VS_VMCS_##area, VS_VMCS_G_##group},
#include "vmcs/vmcs_fields.def"
#undef VS_VMCS_FIELD
};

/* Positions by encoding, plus 1; 0: no such field. An encoding is access type (bit 0, not here),
 * index (9:1), type (11:10), width (14:13); no index reaches 64. */
#define BY_ENCODING(e) (((e) >> 1 & 0x3fu) | ((e) >> 10 & 3u) << 6 | ((e) >> 13 & 3u) << 8)
static const uint8_t positions[1024] = {
#define VS_VMCS_FIELD(name, encoding, width, area, exists, group, text)                            \
    [BY_ENCODING(encoding)] = VS_VMCS_AT_##name + 1,
#include "vmcs/vmcs_fields.def"
#undef VS_VMCS_FIELD
};
_Static_assert(VS_VMCS_FIELDS < 255, "positions fit a byte");

/* The position of a field by its encoding, -1 if there is none. */
static inline int position_of(uint32_t encoding)
{
    int position = (int)positions[BY_ENCODING(encoding)] - 1;
    return position >= 0 && vs_vmcs_fields[position].encoding == encoding ? position : -1;
}

int vs__vmcs_position(uint32_t encoding)
{
    return position_of(encoding);
}

bool vs__vmcs_exists(const struct vs_vmx *x, unsigned position)
{
    unsigned exists = vs_vmcs_fields[position].exists, bit = exists & 0xff;
    const struct vs_vmcs_config *c = &x->config;
    switch (exists & ~0xffu) {
    case VS_VMCS_X_ALWAYS:
        return true;
    case VS_VMCS_X_PIN:
        return c->cap_pin >> 32 >> bit & 1;
    case VS_VMCS_X_PROC:
        return c->cap_proc >> 32 >> bit & 1;
    case VS_VMCS_X_PROC2:
        return c->cap_proc2 >> 32 >> bit & 1;
    case VS_VMCS_X_PROC3:
        return c->cap_proc3 >> bit & 1;
    case VS_VMCS_X_EXIT:
        return c->cap_exit >> 32 >> bit & 1;
    case VS_VMCS_X_ENTRY:
        return c->cap_entry >> 32 >> bit & 1;
    default:
        return false;
    }
}

/* Fields that handlers write on every exit and whose check the entry repeats anyway. All others of
 * the control and host areas make the next entry check everything. */
static bool is_major(unsigned position)
{
    const struct vs_vmcs_field *f = &vs_vmcs_fields[position];
    switch (f->encoding) {
    case VS_VMCS_TSC_OFFSET:
    case VS_VMCS_TPR_THRESHOLD:
    case VS_VMCS_EXCEPTION_BITMAP:
    case VS_VMCS_CR0_SHADOW:
    case VS_VMCS_CR4_SHADOW:
    case VS_VMCS_EOI_EXIT_BITMAP_0:
    case VS_VMCS_EOI_EXIT_BITMAP_1:
    case VS_VMCS_EOI_EXIT_BITMAP_2:
    case VS_VMCS_EOI_EXIT_BITMAP_3:
    case VS_VMCS_HOST_RSP:
    case VS_VMCS_HOST_CR3:
    case VS_VMCS_HOST_FS_BASE:
    case VS_VMCS_HOST_GS_BASE:
        return false;
    default:
        return f->group == VS_VMCS_G_CONTROL || f->area == VS_VMCS_HOST;
    }
}

enum vs_status vs_vmx_init(struct vs_vmx *x, const struct vs_vmcs_config *config,
                           const struct vs_vmx_wiring *wiring)
{
    memset(x, 0, sizeof *x);
    x->config = *config;
    x->wire = *wiring;
    x->vmxon = x->current = x->checked_region = VS_VMX_NO_VMCS;
    for (unsigned p = 0; p < VS_VMCS_FIELDS; p++) {
        x->has[p] = (uint8_t)((vs__vmcs_exists(x, p) ? VS_FIELD_EXISTS : 0) |
                              (is_major(p) ? VS_FIELD_MAJOR : 0));
        if (vs_vmcs_fields[p].area == VS_VMCS_GUEST) {
            x->guest_at[x->n_guest++] = (uint16_t)p;
        } else if (vs_vmcs_fields[p].area == VS_VMCS_HOST) {
            x->host_at[x->n_host++] = (uint16_t)p;
        }
    }
    x->vmread_ps = vs_clock_ps(wiring->clock, (vs_cycles){config->vmread}).v;
    x->vmwrite_ps = vs_clock_ps(wiring->clock, (vs_cycles){config->vmwrite}).v;
    x->base = vs_ledger_accounts(wiring->ledger, &vs_vmcs_desc);
    vs_ledger_counters(wiring->ledger, wiring->host_actor, &vs_vmcs_desc, x->count);
    return VS_OK;
}

/* VMfail: with a current VMCS the error is recorded there, else only the flags tell. */
enum vs_vmx_result vs__vmx_fail(struct vs_vmx *x, uint32_t error)
{
    x->count[VS_CNT_vmcs_vmfails]++;
    if (x->current == VS_VMX_NO_VMCS) {
        return VS_VMX_FAIL_INVALID;
    }
    VS_PUT(x, INSTRUCTION_ERROR, error);
    return VS_VMX_FAIL_VALID;
}

/* The revision that a region states. */
static uint32_t revision_of(const struct vs_vmx *x, uint64_t region)
{
    return (uint32_t)vs_phys_read64(x->wire.phys, (vs_hpa){region});
}

/* Says whether an address can be a region: aligned and in memory. */
static bool usable_region(const struct vs_vmx *x, uint64_t region)
{
    return vs_vmx_page(x, region) && region < vs_phys_size(x->wire.phys);
}

/* The region's lines move between memory and the processor's copy of the VMCS. */
static void move_region(struct vs_vmx *x, struct vs_txn *t, uint64_t region, enum vs_ref ref)
{
    if (!t || !x->wire.mem.touch || !x->config.cached) {
        return;
    }
    for (unsigned i = 0; i < VS_REGION_LINES; i++) {
        x->wire.mem.touch(x->wire.mem.ctx, t, (vs_hpa){region + 64u * i}, ref);
    }
}

void vs_vmx_format(struct vs_vmx *x, vs_hpa region)
{
    vs_phys_write64(x->wire.phys, region, x->config.cap_revision);
}

enum vs_vmx_result vs_vmx_on(struct vs_vmx *x, struct vs_txn *t, vs_hpa region)
{
    vs_vmx_charge(x, t, VS_ACC_vmcs_vmxon, 1, x->config.vmxon);
    if (x->in_guest) {
        return VS_VMX_UD;
    }
    if (x->on) {
        return vs__vmx_fail(x, VS_VMXERR_VMXON_IN_ROOT);
    }
    if (!usable_region(x, region.v) || revision_of(x, region.v) != x->config.cap_revision) {
        x->count[VS_CNT_vmcs_vmfails]++;
        return VS_VMX_FAIL_INVALID;
    }
    x->on = true;
    x->vmxon = region.v;
    x->current = VS_VMX_NO_VMCS;
    return VS_VMX_OK;
}

enum vs_vmx_result vs_vmx_off(struct vs_vmx *x, struct vs_txn *t)
{
    vs_vmx_charge(x, t, VS_ACC_vmcs_vmxoff, 1, x->config.vmxoff);
    if (!x->on || x->in_guest) {
        return VS_VMX_UD;
    }
    x->on = false;
    x->vmxon = x->current = VS_VMX_NO_VMCS;
    return VS_VMX_OK;
}

enum vs_vmx_result vs_vmx_clear(struct vs_vmx *x, struct vs_txn *t, vs_hpa region)
{
    vs_vmx_charge(x, t, VS_ACC_vmcs_vmclear, 1, x->config.vmclear);
    if (!x->on || x->in_guest) {
        return VS_VMX_UD;
    }
    if (!usable_region(x, region.v)) {
        return vs__vmx_fail(x, VS_VMXERR_VMCLEAR_ADDRESS);
    }
    if (region.v == x->vmxon) {
        return vs__vmx_fail(x, VS_VMXERR_VMCLEAR_VMXON);
    }
    if (region.v == x->current) {
        move_region(x, t, region.v, VS_REF_WRITE);
        x->current = VS_VMX_NO_VMCS;
    }
    vs_vmx_set_state(x, region.v, VS_DIRTY | VS_WRITTEN);
    return VS_VMX_OK;
}

enum vs_vmx_result vs_vmx_ptrld(struct vs_vmx *x, struct vs_txn *t, vs_hpa region)
{
    vs_vmx_charge(x, t, VS_ACC_vmcs_vmptrld, 1, x->config.vmptrld);
    if (!x->on || x->in_guest) {
        return VS_VMX_UD;
    }
    if (!usable_region(x, region.v)) {
        return vs__vmx_fail(x, VS_VMXERR_VMPTRLD_ADDRESS);
    }
    if (region.v == x->vmxon) {
        return vs__vmx_fail(x, VS_VMXERR_VMPTRLD_VMXON);
    }
    /* Bit 31 marks a shadow VMCS, which only a processor with shadowing may load. */
    uint32_t revision = revision_of(x, region.v);
    bool shadow = revision >> 31 && (x->config.cap_proc2 >> 32 & VS_PROC2_SHADOWING);
    if ((revision & (shadow ? 0x7fffffffu : 0xffffffffu)) != x->config.cap_revision) {
        return vs__vmx_fail(x, VS_VMXERR_VMPTRLD_REVISION);
    }
    if (region.v != x->current) {
        move_region(x, t, region.v, VS_REF_READ);
    }
    x->current = region.v;
    return VS_VMX_OK;
}

enum vs_vmx_result vs_vmx_ptrst(struct vs_vmx *x, struct vs_txn *t, vs_hpa *region)
{
    vs_vmx_charge(x, t, VS_ACC_vmcs_vmptrst, 1, x->config.vmptrst);
    if (!x->on || x->in_guest) {
        return VS_VMX_UD;
    }
    region->v = x->current;
    return VS_VMX_OK;
}

/* The table's position of an encoding this processor has; *high for the odd one of a 64-bit field.
 */
static int find_field(const struct vs_vmx *x, uint32_t encoding, bool *high)
{
    *high = encoding & 1;
    if (encoding > 0x7fff) {
        return -1;
    }
    int position = position_of(encoding & ~1u);
    if (position < 0 || !(x->has[position] & VS_FIELD_EXISTS) ||
        (*high && vs_vmcs_fields[position].width != VS_VMCS_64)) {
        return -1;
    }
    return position;
}

/* Whether a VMREAD or VMWRITE has a VMCS to work on; it is counted and charged whatever comes. */
static inline enum vs_vmx_result begin_access(struct vs_vmx *x)
{
    if (vs_unlikely(!x->on || x->in_guest)) {
        return VS_VMX_UD;
    }
    if (vs_unlikely(x->current == VS_VMX_NO_VMCS)) {
        x->count[VS_CNT_vmcs_vmfails]++;
        return VS_VMX_FAIL_INVALID;
    }
    return VS_VMX_OK;
}

/* VMREAD and VMWRITE refer to the line of a field where the processor does not keep the VMCS. */
static inline void touch_field(const struct vs_vmx *x, struct vs_txn *t, unsigned position,
                               enum vs_ref ref)
{
    if (vs_unlikely(t && !x->config.cached && x->wire.mem.touch)) {
        vs_mem_touches_on(&x->wire.mem, t, vs_vmx_at(x->current, position), sizeof(uint64_t), ref,
                          (uint16_t)(x->base + VS_ACC_vmcs_access_lines));
    }
}

/* The field at this position, which the processor has. */
static inline uint64_t read_at(const struct vs_vmx *x, struct vs_txn *t, unsigned position)
{
    touch_field(x, t, position, VS_REF_READ);
    return vs_vmx_get(x, position);
}

/* Charges an access to a field, if it happens in time. */
static inline void charge_access(struct vs_vmx *x, struct vs_txn *t, unsigned account, uint64_t ps)
{
    if (t) {
        vs_charge(t, (uint16_t)(x->base + account), (vs_ps){ps});
    }
}

enum vs_vmx_result vs_vmx_read(struct vs_vmx *x, struct vs_txn *t, uint32_t field, uint64_t *value)
{
    x->count[VS_CNT_vmcs_vmreads]++;
    charge_access(x, t, VS_ACC_vmcs_vmread, x->vmread_ps);
    enum vs_vmx_result r = begin_access(x);
    if (r) {
        return r;
    }
    bool high;
    int position = find_field(x, field, &high);
    if (position < 0) {
        return vs__vmx_fail(x, VS_VMXERR_UNSUPPORTED_FIELD);
    }
    uint64_t v = read_at(x, t, (unsigned)position);
    *value = high ? v >> 32 : v;
    return VS_VMX_OK;
}

enum vs_vmx_result vs__vmx_read_at(struct vs_vmx *x, struct vs_txn *t, unsigned position,
                                   uint64_t *value)
{
    if (vs_unlikely(!x->on || x->in_guest || x->current == VS_VMX_NO_VMCS ||
                    !(x->has[position] & VS_FIELD_EXISTS))) {
        return vs_vmx_read(x, t, vs_vmcs_fields[position].encoding, value);
    }
    x->count[VS_CNT_vmcs_vmreads]++;
    charge_access(x, t, VS_ACC_vmcs_vmread, x->vmread_ps);
    *value = read_at(x, t, position);
    return VS_VMX_OK;
}

/* Cuts a value to its field's width. */
static uint64_t cut_to_width(const struct vs_vmcs_field *f, uint64_t v)
{
    return f->width == VS_VMCS_16 ? v & 0xffff : f->width == VS_VMCS_32 ? v & 0xffffffff : v;
}

/* A whole field, or one half of it (`high`), of a processor that has it and is in root operation
 * with a VMCS. */
static enum vs_vmx_result write_at(struct vs_vmx *x, struct vs_txn *t, unsigned position, bool high,
                                   uint64_t value)
{
    const struct vs_vmcs_field *f = &vs_vmcs_fields[position];
    if (f->area == VS_VMCS_INFO && !(x->config.cap_misc & VS_MISC_WRITE_ANY)) {
        return vs__vmx_fail(x, VS_VMXERR_READ_ONLY_FIELD);
    }
    uint64_t v = cut_to_width(f, value);
    if (f->width == VS_VMCS_64 && high) {
        v = (vs_vmx_get(x, position) & 0xffffffff) | value << 32;
    }
    touch_field(x, t, position, VS_REF_WRITE);
    vs_vmx_put(x, position, v);
    uint64_t mark = VS_WRITTEN | (x->has[position] & VS_FIELD_MAJOR ? VS_DIRTY : 0);
    vs_vmx_set_state(x, x->current, vs_vmx_state(x, x->current) | mark);
    return VS_VMX_OK;
}

enum vs_vmx_result vs_vmx_write(struct vs_vmx *x, struct vs_txn *t, uint32_t field, uint64_t value)
{
    x->count[VS_CNT_vmcs_vmwrites]++;
    charge_access(x, t, VS_ACC_vmcs_vmwrite, x->vmwrite_ps);
    enum vs_vmx_result r = begin_access(x);
    if (r) {
        return r;
    }
    bool high;
    int found = find_field(x, field, &high);
    if (found < 0) {
        return vs__vmx_fail(x, VS_VMXERR_UNSUPPORTED_FIELD);
    }
    return write_at(x, t, (unsigned)found, high, value);
}

enum vs_vmx_result vs__vmx_write_at(struct vs_vmx *x, struct vs_txn *t, unsigned position,
                                    uint64_t value)
{
    if (vs_unlikely(!x->on || x->in_guest || x->current == VS_VMX_NO_VMCS ||
                    !(x->has[position] & VS_FIELD_EXISTS))) {
        return vs_vmx_write(x, t, vs_vmcs_fields[position].encoding, value);
    }
    x->count[VS_CNT_vmcs_vmwrites]++;
    charge_access(x, t, VS_ACC_vmcs_vmwrite, x->vmwrite_ps);
    return write_at(x, t, position, false, value);
}

bool vs__vmx_is_shadow(const struct vs_vmx *x, uint64_t region)
{
    return revision_of(x, region) >> 31;
}

enum vs_vmx_result vs_vmx_shadowed(struct vs_vmx *x, struct vs_txn *t, bool write, uint32_t field,
                                   uint64_t *value)
{
    uint64_t own = x->current, link;
    if (!x->in_guest) {
        return VS_VMX_UD;
    }
    link = VS_GET(x, VMCS_LINK_POINTER);
    x->in_guest = false;
    x->current = link; /* all ones: no VMCS, VMfailInvalid */
    enum vs_vmx_result r =
        write ? vs_vmx_write(x, t, field, *value) : vs_vmx_read(x, t, field, value);
    x->current = own;
    x->in_guest = true;
    return r;
}

/* Format of an EPTP: memory type, walk length - 1 in bits 5:3, accessed/dirty flag, root. */
bool vs__vmx_eptp_valid(const struct vs_vmx *x, uint64_t eptp)
{
    uint64_t cap = x->config.cap_ept_vpid, type = eptp & 7, walk = eptp >> 3 & 7;
    bool type_ok = (type == 0 && cap >> 8 & 1) || (type == 6 && cap >> 14 & 1);
    bool walk_ok = (walk == 3 && cap >> 6 & 1) || (walk == 4 && cap >> 7 & 1);
    bool dirty_ok = !(eptp >> 6 & 1) || cap >> 21 & 1;
    return type_ok && walk_ok && dirty_ok && !(eptp & 0xf80) && vs_vmx_physical(x, eptp);
}

/* Asks the MMU for a flush. */
static void flush(struct vs_vmx *x, struct vs_txn *t, enum vs_flush what, uint16_t vpid,
                  uint64_t eptp, vs_gva at)
{
    if (t && x->wire.tlb.flush) {
        x->wire.tlb.flush(x->wire.tlb.ctx, t, what, vpid, 0, eptp, at);
    }
}

enum vs_vmx_result vs_vmx_invept(struct vs_vmx *x, struct vs_txn *t, uint64_t type, uint64_t eptp)
{
    vs_vmx_charge(x, t, VS_ACC_vmcs_invept, 1, x->config.invept);
    uint64_t cap = x->config.cap_ept_vpid;
    if (!x->on || x->in_guest || !(cap >> 20 & 1)) {
        return VS_VMX_UD;
    }
    if (type == 1 && cap >> 25 & 1 && vs__vmx_eptp_valid(x, eptp)) {
        flush(x, t, VS_FLUSH_EPT, 0, eptp, (vs_gva){0});
    } else if (type == 2 && cap >> 26 & 1) {
        flush(x, t, VS_FLUSH_EPT, 0, 0, (vs_gva){0});
    } else {
        return vs__vmx_fail(x, VS_VMXERR_INVEPT_INVVPID);
    }
    return VS_VMX_OK;
}

enum vs_vmx_result vs_vmx_invvpid(struct vs_vmx *x, struct vs_txn *t, uint64_t type, uint16_t vpid,
                                  vs_gva at)
{
    static const enum vs_flush what[4] = {VS_FLUSH_VPID_ADDRESS, VS_FLUSH_VPID, VS_FLUSH_ALL_VPIDS,
                                          VS_FLUSH_VPID_NONGLOBAL};
    vs_vmx_charge(x, t, VS_ACC_vmcs_invvpid, 1, x->config.invvpid);
    uint64_t cap = x->config.cap_ept_vpid;
    if (!x->on || x->in_guest || !(cap >> 32 & 1)) {
        return VS_VMX_UD;
    }
    if (type > 3 || !(cap >> (40 + type) & 1) || (type != 2 && vpid == 0) ||
        (type == 0 && !vs_vmx_canonical(at.v))) {
        return vs__vmx_fail(x, VS_VMXERR_INVEPT_INVVPID);
    }
    flush(x, t, what[type], vpid, 0, at);
    return VS_VMX_OK;
}

/* Place of an MSR among those that lists have moved; n_msr: it is none of them. */
static uint32_t msr_at(const struct vs_vmx *x, uint32_t index)
{
    uint32_t at = 0;
    while (at < x->n_msr && x->msr[at].index != index) {
        at++;
    }
    return at;
}

enum vs_status vs_vmx_msr_set(struct vs_vmx *x, uint32_t index, uint64_t value)
{
    uint32_t at = msr_at(x, index);
    if (at < x->n_msr) {
        x->msr[at].value = value;
        return VS_OK;
    }
    if (x->n_msr == VS_VMX_MSRS) {
        return VS_E_BOUNDS;
    }
    x->msr[x->n_msr].index = index;
    x->msr[x->n_msr++].value = value;
    return VS_OK;
}

uint64_t vs_vmx_msr(const struct vs_vmx *x, uint32_t index)
{
    uint32_t at = msr_at(x, index);
    return at < x->n_msr ? x->msr[at].value : 0;
}
