/* SPDX-License-Identifier: MIT */
/* VMCS shadowing for a guest hypervisor: a VMCS that VMCS01's link pointer names, and the bitmaps
 * of the fields which it has there (SDM 3C 25.10, 26.1.3). */
#include "vmcs/vmcs_nested_impl.h"

static const struct {
    uint16_t position;
    bool write;
} list[] = {
#define VS_NESTED_SHADOW(field, write) {VS_VMCS_AT_##field, write},
#include "vmcs/nested_fields.def"
};
enum { FIELDS = sizeof list / sizeof *list };

/* Accesses of this field do not exit; of a 64-bit one, neither do those of its high half. */
static void let_pass(unsigned char *bitmap, unsigned position)
{
    const struct vs_vmcs_field *f = &vs_vmcs_fields[position];
    bitmap[f->encoding / 8u] &= (unsigned char)~(1u << f->encoding % 8u);
    if (f->width == VS_VMCS_64) {
        bitmap[f->encoding / 8u] &= (unsigned char)~(2u << f->encoding % 8u);
    }
}

/* cpu_has_vmx_shadow_vmcs: a shadow's exit information has to be written, too. */
static bool offered(const struct vs_vmcs_config *c)
{
    return c->cap_proc2 >> 32 & VS_PROC2_SHADOWING && c->cap_misc & VS_MISC_WRITE_ANY;
}

void vs__nested_shadow_setup(struct vs_vmx_nested *n, const struct vs_vmx_nested_pages *pages)
{
    struct vs_vmx *x = n->x;
    unsigned char reads[4096], writes[4096];
    n->shadows = n->config.vmcs_shadowing && offered(&x->config);
    if (!n->shadows) {
        return;
    }
    memset(reads, 0xff, sizeof reads); /* init_vmcs_shadow_fields */
    memset(writes, 0xff, sizeof writes);
    for (unsigned i = 0; i < FIELDS; i++) {
        if (vs__nested_has(n, list[i].position)) {
            let_pass(reads, list[i].position);
        }
        if (vs__nested_has(n, list[i].position) && list[i].write) {
            let_pass(writes, list[i].position);
        }
    }
    vs_phys_write(x->wire.phys, (vs_hpa){pages->vmread_bitmap}, reads, sizeof reads);
    vs_phys_write(x->wire.phys, (vs_hpa){pages->vmwrite_bitmap}, writes, sizeof writes);
    vs_phys_write64(x->wire.phys, (vs_hpa){n->shadow}, x->config.cap_revision | UINT64_C(1) << 31);
    VS_PUT(x, PROC2_CONTROLS, VS_GET(x, PROC2_CONTROLS) | VS_PROC2_SHADOWING);
    VS_PUT(x, VMREAD_BITMAP, pages->vmread_bitmap);
    VS_PUT(x, VMWRITE_BITMAP, pages->vmwrite_bitmap);
    VS_PUT(x, VMCS_LINK_POINTER, n->shadow);
}

/* The shadow is current while its fields move, and is cleared before VMCS01 is again. */
static void begin(struct vs_vmx_nested *n, struct vs_txn *t)
{
    (void)vs_vmx_ptrld(n->x, t, (vs_hpa){n->shadow});
}

/* Puts the shadow VMCS away and makes VMCS01 current again. */
static void end(struct vs_vmx_nested *n, struct vs_txn *t)
{
    (void)vs_vmx_clear(n->x, t, (vs_hpa){n->shadow});
    (void)vs_vmx_ptrld(n->x, t, (vs_hpa){n->vmcs01});
}

/* copy_vmcs12_to_shadow */
void vs__nested_publish(void *ctx, struct vs_txn *t)
{
    struct vs_vmx_nested *n = ctx;
    uint64_t lines = 0;
    begin(n, t);
    for (unsigned i = 0; i < FIELDS; i++) {
        unsigned position = list[i].position;
        if (vs__nested_has(n, position)) {
            vs__nested_line(&lines, position);
            (void)vs__vmx_write_at(n->x, t, position, vs__nested_get12(n, position));
            n->count[VS_CNT_nested_published]++;
        }
    }
    vs__nested_touch(n, t, lines, VS_REF_READ);
    end(n, t);
}

/* copy_shadow_to_vmcs12: of what the guest hypervisor may have written */
void vs__nested_collect(void *ctx, struct vs_txn *t)
{
    struct vs_vmx_nested *n = ctx;
    uint64_t lines = 0, value;
    begin(n, t);
    for (unsigned i = 0; i < FIELDS; i++) {
        unsigned position = list[i].position;
        if (list[i].write && vs__nested_has(n, position) &&
            vs__vmx_read_at(n->x, t, position, &value) == VS_VMX_OK) {
            vs__nested_line(&lines, position);
            vs__nested_put12(n, position, value);
            n->count[VS_CNT_nested_collected]++;
        }
    }
    vs__nested_touch(n, t, lines, VS_REF_WRITE);
    end(n, t);
}

void vs__nested_shadowed(void *ctx, struct vs_txn *t, enum vs_state what, bool write,
                         uint64_t *value)
{
    struct vs_vmx_nested *n = ctx;
    unsigned position = vs__vmx_state_at(what);
    uint64_t raw = vs_phys_read64(n->x->wire.phys, vs_vmx_at(n->shadow, position));
    raw = write ? vs__vmx_state_value(what, raw, *value) : raw;
    (void)vs_vmx_shadowed(n->x, t, write, vs_vmcs_fields[position].encoding, &raw);
    n->count[VS_CNT_nested_shadowed]++;
    if (!write) {
        *value = vs__vmx_state_meaning(what, raw);
    }
}
