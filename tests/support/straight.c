/* SPDX-License-Identifier: MIT */
#include "straight.h"

#include <stdlib.h>
#include <string.h>

#define FRAME 0x000ffffffffff000u

static void table_init(struct straight_table *t, uint64_t entries, uint64_t ways)
{
    memset(t, 0, sizeof *t);
    t->ways = ways ? ways : entries;
    t->sets = entries / t->ways;
    t->entry = calloc(entries, sizeof *t->entry);
}

static struct straight_entry *find(struct straight_table *t, uint64_t key)
{
    struct straight_entry *set = &t->entry[(key % t->sets) * t->ways];
    for (uint64_t w = 0; w < t->ways; w++) {
        if (set[w].valid && set[w].key == key) {
            set[w].stamp = ++t->clock;
            t->hits++;
            return &set[w];
        }
    }
    t->misses++;
    return NULL;
}

/* Replaces the least recently used; what was there is in *old. */
static struct straight_entry *fill(struct straight_table *t, uint64_t key, uint64_t payload,
                                   struct straight_entry *old)
{
    struct straight_entry *set = &t->entry[(key % t->sets) * t->ways], *victim = &set[0];
    for (uint64_t w = 0; w < t->ways; w++) {
        if (!set[w].valid) {
            victim = &set[w];
            break;
        }
        if (set[w].stamp < victim->stamp) {
            victim = &set[w];
        }
    }
    if (old) {
        *old = *victim;
    }
    victim->key = key;
    victim->payload = payload;
    victim->stamp = ++t->clock;
    victim->valid = true;
    victim->dirty = false;
    return victim;
}

static void dram(struct straight *s, uint64_t line)
{
    uint64_t channel = line % s->channels, row = line / s->channels / s->row_lines,
             bank = row % s->banks;
    uint64_t *open = &s->open_row[channel * s->banks + bank], number = row / s->banks;
    if (*open == number) {
        s->row_hits++;
    } else if (*open == UINT64_MAX) {
        s->row_misses++;
    } else {
        s->row_conflicts++;
    }
    *open = number;
}

/* Looks a line up and allocates it when it is not there; *old is a dirty line that had to leave. */
static bool look(struct straight_table *t, uint64_t line, bool dirty, struct straight_entry *old)
{
    struct straight_entry *e = find(t, line);
    bool hit = e != NULL;
    old->valid = false;
    if (!hit) {
        e = fill(t, line, 0, old);
    }
    e->dirty = e->dirty || dirty;
    return hit;
}

/* A dirty line goes down a level: no reference of the program's. */
static void write_back(struct straight *s, struct straight_table *t, uint64_t line)
{
    struct straight_entry old;
    bool hit = look(t, line, true, &old);
    t->hits -= hit;
    t->misses -= !hit;
    if (old.valid && old.dirty && t == &s->l2) {
        write_back(s, &s->llc, old.key);
    }
}

static void line_access(struct straight *s, uint64_t hpa, bool write)
{
    uint64_t line = hpa >> 6;
    struct straight_entry old;
    if (look(&s->l1, line, write, &old)) {
        return;
    }
    if (old.valid && old.dirty) {
        write_back(s, &s->l2, old.key);
    }
    if (look(&s->l2, line, false, &old)) {
        return;
    }
    if (old.valid && old.dirty) {
        write_back(s, &s->llc, old.key);
    }
    if (!look(&s->llc, line, false, &old)) {
        dram(s, line);
    }
}

static uint64_t load(struct straight *s, uint64_t hpa)
{
    vs_hpa at = {hpa};
    line_access(s, hpa, false);
    return vs_phys_read64(s->phys, at);
}

static unsigned shift_of(unsigned level)
{
    return 12 + 9 * (level - 1);
}

static void set_flag(struct straight *s, uint64_t hpa, uint64_t entry, uint64_t flag)
{
    if ((entry & flag) != flag) {
        vs_hpa at = {hpa};
        line_access(s, hpa, true);
        vs_phys_write64(s->phys, at, entry | flag);
    }
}

static uint64_t nested(struct straight *s, uint64_t gpa, bool dirty)
{
    struct straight_entry *e = find(&s->nested, gpa >> 12);
    if (e && (!dirty || e->payload & 1)) {
        return (e->payload & FRAME) | (gpa & 0xfff);
    }
    uint64_t table = s->eptp;
    unsigned level = 5;
    for (unsigned l = 2; l <= 4 && level == 5; l++) {
        struct straight_entry *p = find(&s->npwc[l], gpa >> shift_of(l));
        if (p) {
            level = l;
            table = p->payload;
        }
    }
    uint64_t entry = 0;
    while (--level > 0) {
        uint64_t at = table + ((gpa >> shift_of(level)) & 511) * 8;
        entry = load(s, at);
        s->nested_refs++;
        set_flag(s, at, entry, 1u << 8 | (level == 1 && dirty ? 1u << 9 : 0));
        if (level == 1) {
            vs_hpa h = {at};
            entry = vs_phys_read64(s->phys, h);
        } else {
            table = entry & FRAME;
            fill(&s->npwc[level], gpa >> shift_of(level), table, NULL);
        }
    }
    uint64_t frame = entry & FRAME;
    e = find(&s->nested, gpa >> 12);
    if (e) {
        e->payload = frame | (entry >> 9 & 1);
    } else {
        fill(&s->nested, gpa >> 12, frame | (entry >> 9 & 1), NULL);
    }
    return frame | (gpa & 0xfff);
}

static uint64_t walk(struct straight *s, uint64_t gva)
{
    uint64_t table = 0, entry = 0;
    unsigned level = 5;
    s->walks++;
    for (unsigned l = 2; l <= 4 && level == 5; l++) {
        struct straight_entry *p = find(&s->gpwc[l], gva >> shift_of(l));
        if (p) {
            level = l;
            table = p->payload;
        }
    }
    if (level == 5) {
        table = nested(s, s->cr3, true);
    }
    while (--level > 0) {
        uint64_t at = table + ((gva >> shift_of(level)) & 511) * 8;
        entry = load(s, at);
        s->guest_refs++;
        set_flag(s, at, entry, 1u << 5);
        if (level > 1) {
            table = nested(s, entry & FRAME, true);
            fill(&s->gpwc[level], gva >> shift_of(level), table, NULL);
        }
    }
    return nested(s, entry & FRAME, false);
}

void straight_load(struct straight *s, uint64_t gva)
{
    struct straight_entry *e = find(&s->l1_tlb, gva >> 12);
    uint64_t frame;
    if (e) {
        frame = e->payload;
    } else {
        e = find(&s->l2_tlb, gva >> 12);
        frame = e ? e->payload : walk(s, gva);
        if (!e) {
            fill(&s->l2_tlb, gva >> 12, frame, NULL);
        }
        fill(&s->l1_tlb, gva >> 12, frame, NULL);
    }
    line_access(s, frame | (gva & 0xfff), false);
}

void straight_init(struct straight *s, struct vs_phys *phys, uint64_t cr3, uint64_t eptp,
                   uint64_t llc_bytes, uint64_t llc_ways)
{
    memset(s, 0, sizeof *s);
    s->phys = phys;
    s->cr3 = cr3;
    s->eptp = eptp;
    table_init(&s->l1_tlb, 64, 4);
    table_init(&s->l2_tlb, 1536, 12);
    table_init(&s->nested, 64, 4);
    table_init(&s->gpwc[4], 4, 0);
    table_init(&s->gpwc[3], 4, 0);
    table_init(&s->gpwc[2], 32, 0);
    table_init(&s->npwc[4], 4, 0);
    table_init(&s->npwc[3], 4, 0);
    table_init(&s->npwc[2], 32, 0);
    table_init(&s->l1, 512, 8);
    table_init(&s->l2, 16384, 16);
    table_init(&s->llc, llc_bytes / 64, llc_ways);
    s->channels = 6;
    s->banks = 32;
    s->row_lines = 8192 / 64;
    s->open_row = malloc(s->channels * s->banks * sizeof *s->open_row);
    memset(s->open_row, 0xff, s->channels * s->banks * sizeof *s->open_row);
}

void straight_free(struct straight *s)
{
    struct straight_table *all[] = {&s->l1_tlb,  &s->l2_tlb,  &s->nested,  &s->gpwc[2],
                                    &s->gpwc[3], &s->gpwc[4], &s->npwc[2], &s->npwc[3],
                                    &s->npwc[4], &s->l1,      &s->l2,      &s->llc};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]->entry);
    }
    free(s->open_row);
}
