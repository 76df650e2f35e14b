/* SPDX-License-Identifier: MIT */
#include "cpu/msr.h"

#include <stddef.h>

enum access { RW, RO, WO };
enum rule { ANY, CANON, PAT };
#define INTEL VS_MSR_INTEL
#define AMD VS_MSR_AMD
#define X86 VS_MSR_X86

static const struct msr {
    uint32_t first, last;
    unsigned at; /* of the first one's value */
    enum vs_msr_vendor vendors;
    enum access access;
    enum rule rule;
    uint64_t writable, reset;
} msrs[] = {
#define VS_MSR(first, last, NAME, vendors, access, rule, writable, reset, text)                    \
    {first, last, VS_MSR_AT_##NAME, vendors, access, rule, writable, reset},
#include "cpu/msrs.def"
#undef VS_MSR
};
enum { LINES = sizeof msrs / sizeof msrs[0] };

/* The line of an MSR that this processor has. */
static const struct msr *find(const struct vs_msrs *m, uint32_t index)
{
    for (unsigned i = 0; i < LINES; i++) {
        const struct msr *r = &msrs[i];
        if (index >= r->first && index <= r->last && r->vendors & m->vendor) {
            return r;
        }
    }
    return NULL;
}

void vs_msrs_reset(struct vs_msrs *m, enum vs_msr_vendor vendor)
{
    m->vendor = vendor;
    for (unsigned i = 0; i < LINES; i++) {
        for (uint32_t k = 0; k <= msrs[i].last - msrs[i].first; k++) {
            m->value[msrs[i].at + k] = msrs[i].reset;
        }
    }
}

#define MISSING "this part has no such MSR"

const char *vs_msr_read(const struct vs_msrs *m, uint32_t index, uint64_t *value)
{
    const struct msr *r = find(m, index);
    if (!r || r->access == WO) {
        return r ? "it is written only" : MISSING;
    }
    *value = m->value[r->at + index - r->first];
    return NULL;
}

/* Bits 63 to 47 are equal, as an address of 48 bits has them. */
static bool canonical(uint64_t a)
{
    return a >> 47 == 0 || a >> 47 == 0x1ffff;
}

/* Each byte is one of UC, WC, WT, WP, WB, UC- (SDM 3A 12.12.2). */
static bool memory_types(uint64_t pat)
{
    for (unsigned i = 0; i < 8; i++) {
        uint64_t type = pat >> (8 * i) & 0xff;
        if (type > 7 || type == 2 || type == 3) {
            return false;
        }
    }
    return true;
}

const char *vs_msr_write(struct vs_msrs *m, uint32_t index, uint64_t value)
{
    const struct msr *r = find(m, index);
    if (!r || r->access == RO) {
        return r ? "it is read only" : MISSING;
    }
    if (value & ~r->writable) {
        return "a reserved bit is set";
    }
    if (r->rule == CANON && !canonical(value)) {
        return "the address is not canonical";
    }
    if (r->rule == PAT && !memory_types(value)) {
        return "there is no such memory type";
    }
    if (r->access == RW) { /* what is written only is a command */
        m->value[r->at + index - r->first] = value;
    }
    return NULL;
}
