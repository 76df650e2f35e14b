/* SPDX-License-Identifier: MIT */
/* Entries of every page-table format, decoded field by field as the manuals' tables list them. */
#include "slow_translate.h"

static uint64_t bits(uint64_t v, unsigned high, unsigned low)
{
    return v >> low & ((2ull << (high - low)) - 1u);
}

unsigned slow_shift(const struct slow_format *f, unsigned level)
{
    return f->granule + (level - 1u) * (f->granule - 3u);
}

/* SDM 3A 4.5, tables 4-15 to 4-20; APM volume 2, 5.3 for the nested use. */
static struct slow_entry x86(const struct slow_format *f, unsigned level, uint64_t v)
{
    struct slow_entry e = {.present = bits(v, 0, 0) != 0};
    unsigned top = f->physical_bits - 1u;
    e.leaf = level == 1 || (level <= 3 && bits(v, 7, 7));
    e.w = bits(v, 1, 1) != 0;
    e.r = bits(v, 2, 2) != 0;
    e.x = !bits(v, 63, 63);
    e.global = e.leaf && bits(v, 8, 8);
    e.a = 1u << 5;
    e.d = e.leaf ? 1u << 6 : 0;
    e.next = v & 0x000ffffffffff000u;
    e.bad = top < 51 && bits(v, 51, top + 1u) != 0;
    if (level >= 4) {
        e.bad = e.bad || bits(v, 7, 7) || (f->amd && bits(v, 8, 8));
    }
    if (e.leaf && level == 2) {
        e.bad = e.bad || bits(v, 20, 13);
        e.next = v & 0x000fffffffe00000u;
    }
    if (e.leaf && level == 3) {
        e.bad = e.bad || bits(v, 29, 13);
        e.next = v & 0x000fffffc0000000u;
    }
    return e;
}

/* SDM 3C 28.3.2, tables 28-1 to 28-6, and 28.3.3.1 (misconfigurations). */
static struct slow_entry ept(const struct slow_format *f, unsigned level, uint64_t v)
{
    struct slow_entry e = {.present = bits(v, 2, 0) != 0};
    unsigned top = f->physical_bits - 1u, type = (unsigned)bits(v, 5, 3);
    e.leaf = level == 1 || (level <= 3 && bits(v, 7, 7));
    e.r = bits(v, 0, 0) != 0;
    e.w = bits(v, 1, 1) != 0;
    e.x = bits(v, 2, 2) != 0;
    e.a = f->accessed_dirty ? 1u << 8 : 0;
    e.d = f->accessed_dirty && e.leaf ? 1u << 9 : 0;
    e.next = v & 0x000ffffffffff000u;
    e.bad = (!e.r && e.w) || (!e.r && e.x && !f->execute_only) ||
            (top < 51 && bits(v, 51, top + 1u) != 0);
    if (level >= 4) {
        e.bad = e.bad || bits(v, 7, 3);
    } else if (!e.leaf) {
        e.bad = e.bad || bits(v, 6, 3);
    } else {
        e.bad = e.bad || type == 2 || type == 3 || type == 7;
        if (level == 2) {
            e.bad = e.bad || bits(v, 20, 12);
        }
        if (level == 3) {
            e.bad = e.bad || bits(v, 29, 12);
        }
    }
    return e;
}

/* Arm ARM, VMSAv8-64 descriptors; without 52-bit addresses. */
static struct slow_entry arm(const struct slow_format *f, unsigned level, uint64_t v)
{
    struct slow_entry e = {.present = bits(v, 0, 0) != 0};
    bool table = bits(v, 1, 1) != 0, stage2 = f->kind == SLOW_ARM_S2;
    unsigned highest_block = f->granule == 12 ? 3 : 2;
    e.r = e.w = e.x = true;
    e.next = v & 0x0000fffffffff000u & ~((1ull << f->granule) - 1u);
    e.bad = f->physical_bits < 48 && bits(v, 47, f->physical_bits) != 0; /* OAOutOfRange */
    if (level > 1 && table) {
        if (!stage2) {
            e.r = !bits(v, 61, 61);
            e.w = !bits(v, 62, 62);
            e.x = !bits(v, 60, 60);
        }
        return e;
    }
    if (level == 1 ? !table : level > highest_block) {
        e.present = false;
        return e;
    }
    bool dbm = bits(v, 51, 51) != 0;
    e.leaf = true;
    e.x = !bits(v, 54, 54);
    e.global = !stage2 && !bits(v, 11, 11);
    if (stage2) {
        e.r = bits(v, 6, 6) != 0;
        e.w = bits(v, 7, 7) || dbm;
        e.d = dbm ? 1u << 7 : 0;
    } else {
        e.r = bits(v, 6, 6) != 0;
        e.w = !bits(v, 7, 7) || dbm;
        e.d_clear = dbm ? 1u << 7 : 0;
    }
    if (f->accessed_dirty) {
        e.a = 1u << 10;
    } else {
        e.accessed_fault = !bits(v, 10, 10);
        e.d = e.d_clear = 0;
        e.w = stage2 ? bits(v, 7, 7) != 0 : !bits(v, 7, 7);
    }
    return e;
}

struct slow_entry slow_decode(const struct slow_format *f, unsigned level, uint64_t value)
{
    switch (f->kind) {
    case SLOW_EPT:
        return ept(f, level, value);
    case SLOW_X86:
    case SLOW_NPT:
        return x86(f, level, value);
    case SLOW_ARM_S1:
    case SLOW_ARM_S2:
        break;
    }
    return arm(f, level, value);
}
