/* SPDX-License-Identifier: MIT */
/* What a configuration asks for, and whether hardware could be built so. */
#include "ept/ept.h"

/* Reports a table whose entries don't fill its ways. */
static void check_table(struct vs_errors *errors, const char *path, uint64_t entries, uint64_t ways)
{
    if (ways && entries % ways) {
        vs_error(errors, "%s.entries = %llu is not a multiple of %s.ways = %llu", path,
                 (unsigned long long)entries, path, (unsigned long long)ways);
    }
}

static const char *const page_names[] = {"4K", "2M", "1G", "16K", "64K", "32M", "512M", "thp"};

/* Reports a page size that a format doesn't have. */
static void check_page(struct vs_errors *errors, const char *path, uint64_t choice,
                       const struct vs_radix_format *f)
{
    unsigned shift = vs_ept_page_shift(choice);
    if (choice == VS_EPT_THP) {
        return; /* the format's smallest and next */
    }
    if (vs_radix_fit(f, shift) != shift) {
        unsigned large = vs_radix_fit(f, 63);
        vs_error(errors, "%s = %s: tables of %u KiB map pages of %u KiB to %llu MiB", path,
                 page_names[choice], 1u << (f->granule - 10u), 1u << (f->granule - 10u),
                 1ull << (large - 20u));
    }
}

static const char *const mode_names[] = {"native", "ept", "npt", "stage2", "shadow", "softmmu"};
static const char *const vendor_names[] = {"intel", "amd", "arm"};

static const unsigned granules[] = {12, 14, 16};

/* Reports formats of tables that don't go with each other or with the vendor. */
static void check_formats(const struct vs_ept_config *c, struct vs_errors *errors)
{
    struct vs_radix_format guest, second;
    size_t before = errors->n;
    /* bit = cpu.vendor */
    static const unsigned vendors[] = {
        [VS_EPT_NATIVE] = 1u << VS_VENDOR_INTEL | 1u << VS_VENDOR_AMD | 1u << VS_VENDOR_ARM,
        [VS_EPT_EPT] = 1u << VS_VENDOR_INTEL,
        [VS_EPT_NPT] = 1u << VS_VENDOR_AMD,
        [VS_EPT_STAGE2] = 1u << VS_VENDOR_ARM,
        [VS_EPT_SHADOW] = 1u << VS_VENDOR_INTEL | 1u << VS_VENDOR_AMD,
        [VS_EPT_SOFTMMU] = 1u << VS_VENDOR_INTEL | 1u << VS_VENDOR_AMD};
    if (!(vendors[c->mode] >> c->vendor & 1u)) {
        vs_error(errors,
                 "paging.mode = %s does not go with cpu.vendor = %s: ept is Intel's, npt AMD's, "
                 "stage2 Arm's, shadow and softmmu both x86 vendors'",
                 mode_names[c->mode], vendor_names[c->vendor]);
    }
    if ((c->vendor == VS_VENDOR_ARM) != (c->guest_format != 0)) {
        vs_error(errors,
                 "guest.format = %s does not go with cpu.vendor = %s: arm is Arm's, x86 Intel's "
                 "and AMD's",
                 c->guest_format ? "arm" : "x86", vendor_names[c->vendor]);
    }
    vs_ept_formats_of(c, &guest, &second, errors);
    if (errors->n > before) {
        return;
    }
    if (c->mode == VS_EPT_STAGE2) {
        vs_radix_arm_start(&second, (unsigned)c->physical_bits, errors);
    }
    check_page(errors, "guest.page_size", c->guest_page, &guest);
    if (c->mode != VS_EPT_NATIVE) {
        check_page(errors, "host.page_size", c->host_page, &second);
        if (c->guest_memory > 1ull << c->physical_bits) {
            vs_error(errors,
                     "guest.memory = %llu bytes: physical addresses have "
                     "ept.physical_bits = %llu",
                     (unsigned long long)c->guest_memory, (unsigned long long)c->physical_bits);
        }
        if (c->physical_bits > second.input_bits && c->mode != VS_EPT_STAGE2 &&
            c->mode != VS_EPT_SHADOW && c->mode != VS_EPT_SOFTMMU) {
            vs_error(errors,
                     "ept.physical_bits = %llu: guest-physical addresses of more than %u "
                     "bits need host.levels = 5",
                     (unsigned long long)c->physical_bits, second.input_bits);
        }
        if (c->guest_memory > 1ull << second.input_bits) {
            vs_error(errors, "guest.memory = %llu bytes: the second dimension translates %u bits",
                     (unsigned long long)c->guest_memory, second.input_bits);
        }
    }
}

/* Reports everything in a configuration that cannot be. */
void vs_ept_check(const struct vs_ept_config *c, struct vs_errors *errors)
{
    check_formats(c, errors);
    const struct {
        const char *path;
        uint64_t entries, ways;
    } table[] = {{"ept.l1_dtlb_4k", c->d4k_entries, c->d4k_ways},
                 {"ept.l1_dtlb_2m", c->d2m_entries, c->d2m_ways},
                 {"ept.l1_dtlb_1g", c->d1g_entries, c->d1g_ways},
                 {"ept.l1_dtlb_store", c->store_entries, c->store_ways},
                 {"ept.l1_itlb_4k", c->i4k_entries, c->i4k_ways},
                 {"ept.l1_itlb_2m", c->i2m_entries, c->i2m_ways},
                 {"ept.l2_tlb", c->l2_entries, c->l2_ways},
                 {"ept.l2_tlb_1g", c->l2_1g_entries, c->l2_1g_ways},
                 {"ept.l2_itlb", c->l2i_entries, c->l2i_ways},
                 {"ept.nested_tlb", c->nested_entries, c->nested_ways},
                 {"ept.walk_lines", c->line_entries, c->line_ways},
                 {"ept.guest_pwc.l5", c->gpml5e, c->gpml5e_ways},
                 {"ept.guest_pwc.l4", c->gpml4e, c->gpml4e_ways},
                 {"ept.guest_pwc.l3", c->gpdpte, c->gpdpte_ways},
                 {"ept.guest_pwc.l2", c->gpde, c->gpde_ways},
                 {"ept.nested_pwc.l5", c->npml5e, c->npml5e_ways},
                 {"ept.nested_pwc.l4", c->npml4e, c->npml4e_ways},
                 {"ept.nested_pwc.l3", c->npdpte, c->npdpte_ways},
                 {"ept.nested_pwc.l2", c->npde, c->npde_ways}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        check_table(errors, table[i].path, table[i].entries, table[i].ways);
    }
    if (!c->d4k_entries || !c->i4k_entries) {
        vs_error(errors, "ept.l1_dtlb_4k.entries and ept.l1_itlb_4k.entries must be at least 1: "
                         "the core translates through them");
    }
    if (c->l2_1g_place != VS_EPT_1G_OWN && !c->l2_large) {
        vs_error(errors,
                 "ept.l2_tlb_1g.place = %s: ept.l2_tlb holds no large pages "
                 "(ept.l2_tlb.large_pages = 0)",
                 c->l2_1g_place == VS_EPT_1G_SHARED ? "shared" : "pieces");
    }
}

void vs_ept_formats_of(const struct vs_ept_config *c, struct vs_radix_format *guest,
                       struct vs_radix_format *second, struct vs_errors *errors)
{
    *guest = c->guest_levels == 5 ? vs_radix_x86_64_la57 : vs_radix_x86_64;
    *second = c->host_levels == 5 ? vs_radix_ept5 : vs_radix_ept;
    if (c->mbec) { /* bit 10 alone lets user mode execute, and makes an entry present */
        second->execute = 1u << 10;
        second->present |= second->execute;
        second->table_flags |= second->execute;
    }
    if (c->mode == VS_EPT_NPT) {
        *second = c->host_levels == 5 ? vs_radix_x86_64_la57 : vs_radix_x86_64;
        vs_radix_amd(second);
    }
    if (c->vendor == VS_VENDOR_AMD) {
        vs_radix_amd(guest);
    }
    if (c->guest_format) {
        vs_radix_arm(guest, 1, granules[c->guest_granule], (unsigned)c->guest_t0sz, 0, errors);
    }
    if (c->mode == VS_EPT_STAGE2) {
        vs_radix_arm(second, 2, granules[c->host_granule], (unsigned)c->host_t0sz,
                     (unsigned)c->host_sl0, errors);
    }
}

void vs_ept_upper_of(const struct vs_ept_config *c, struct vs_radix_format *upper)
{
    struct vs_errors told = {NULL, 0}; /* by vs_ept_check: the same granule, and bounded widths */
    *upper = (struct vs_radix_format){.levels = 0};
    if (c->guest_format) {
        vs_radix_arm(upper, 1, granules[c->guest_granule], (unsigned)c->guest_t1sz, 0, &told);
    }
    vs_errors_free(&told);
}

/* A stage's levels, and what its tables hold. */
static void geometry(const struct vs_radix_format *f, const char *const names[4],
                     const char *source, const struct vs_facts *to)
{
    vs_fact(to, "machine", names[0], f->levels, "levels", source);
    vs_fact(to, "machine", names[1], UINT64_C(1) << f->stride, "entries", source);
    vs_fact(to, "machine", names[2], UINT64_C(1) << (f->granule - f->stride), "bytes", source);
    vs_fact(to, "machine", names[3], f->input_bits, "bits", source);
}

void vs_ept_facts(const struct vs_ept_config *c, const struct vs_facts *to)
{
    static const char *const first[] = {"paging.stage1.levels", "paging.stage1.table.entries",
                                        "paging.stage1.entry.bytes", "paging.stage1.address.bits"},
                             *const next[] = {"paging.stage2.levels", "paging.stage2.table.entries",
                                              "paging.stage2.entry.bytes",
                                              "paging.stage2.address.bits"};
    struct vs_errors told = {NULL, 0}; /* by vs_ept_check */
    struct vs_radix_format guest, second;
    vs_ept_formats_of(c, &guest, &second, &told);
    vs_errors_free(&told);
    geometry(&guest, first,
             "format of the guest's (or native) tables, as its knobs ask for; SDM 3A 4.5, AMD APM "
             "volume 2, 5.3, Arm ARM, VMSAv8-64",
             to);
    if (c->mode == VS_EPT_EPT || c->mode == VS_EPT_NPT || c->mode == VS_EPT_STAGE2) {
        geometry(&second, next,
                 "format of the second dimension's tables, as its knobs ask for; SDM 3C 28.3, AMD "
                 "APM volume 2, 15.25, Arm ARM, VMSAv8-64",
                 to);
    }
}
