/* SPDX-License-Identifier: MIT */
/* The slow walk: every path through present and past values, depth first. */
#include "slow_translate.h"

#define FOREVER UINT64_MAX
#define ROOT_KEY (1ull << 60)
#define WALK_CACHE 64u /* in place of a page's shift: what INVLPG drops whatever its address */

void slow_init(struct slow *s, struct vs_phys *phys, struct slow_format guest,
               struct slow_format nested)
{
    memset(s, 0, sizeof *s);
    s->phys = phys;
    s->guest = guest;
    s->nested = nested;
    slow_settle(s);
}

void slow_settle(struct slow *s)
{
    memset(s->bucket, 0, sizeof s->bucket);
    s->n_versions = 1; /* 0 means none */
    s->n_events = 0;
    s->time = 1;
}

bool slow_full(const struct slow *s)
{
    return s->n_versions + 4 >= SLOW_VERSIONS || s->n_events + 4 >= SLOW_VERSIONS;
}

static unsigned bucket_of(uint64_t at)
{
    return (unsigned)((at >> 3) * 0x9e3779b97f4a7c15u >> 54) % SLOW_BUCKETS;
}

static void remember(struct slow *s, uint64_t at, uint64_t value)
{
    unsigned b = bucket_of(at);
    s->version[s->n_versions] = (struct slow_version){at, value, ++s->time, s->bucket[b]};
    s->bucket[b] = s->n_versions++;
}

void slow_write(struct slow *s, uint64_t at, uint64_t value)
{
    vs_hpa h = {at};
    uint64_t old = vs_phys_read64(s->phys, h);
    if (old != value) {
        remember(s, at, old);
        vs_phys_write64(s->phys, h, value);
    }
}

static uint64_t root_key(const struct slow_context *c)
{
    return ROOT_KEY | (uint64_t)c->vpid << 20 | (uint64_t)c->pcid << 3;
}

void slow_root(struct slow *s, const struct slow_context *c, uint64_t old)
{
    remember(s, root_key(c), old);
}

void slow_forget(struct slow *s, enum slow_scope scope, uint16_t vpid, uint16_t pcid, uint64_t eptp,
                 uint64_t gva, uint64_t gpa)
{
    s->event[s->n_events++] = (struct slow_event){scope, vpid, pcid, eptp, gva, gpa, ++s->time};
}

/* ---- what is being walked ---- */

struct path {
    struct slow *s;
    const struct slow_context *c;
    struct slow_answer *a;
    uint64_t gva;
    enum vs_ref ref;
    uint64_t guest_until;  /* the first instant at which some guest value was replaced */
    uint64_t nested_until; /* the same of the second dimension */
    bool leaf_now;         /* the guest's leaf has its present value */
    unsigned n_flags;      /* of the answer's scratch: depth first, so one array serves all */
};

/* Does an event drop mappings of this linear address whose guest page has this size? */
static bool covers_linear(const struct path *p, const struct slow_event *e, unsigned shift,
                          bool global)
{
    bool vpid = e->vpid == p->c->vpid, pcid = e->pcid == p->c->pcid;
    bool page = shift == WALK_CACHE || e->gva >> shift == p->gva >> shift;
    switch (e->scope) {
    case SLOW_ALL:
        return true;
    case SLOW_VPID:
    case SLOW_ASID:
        return vpid;
    case SLOW_VPID_NONGLOBAL:
        return vpid && !global;
    case SLOW_PCID:
        return vpid && pcid && !global;
    case SLOW_ADDRESS:
        return vpid && shift != WALK_CACHE && page;
    case SLOW_INVLPG:
        /* of another PCID the global TLB entries go, not the walk caches: these still lead to a
         * leaf that is read now */
        return vpid && page && (pcid || (global && !p->leaf_now));
    case SLOW_PCID_ADDRESS:
        return vpid && pcid && !global && page;
    case SLOW_PAGE_FAULT:
        return vpid && pcid && e->gva >> 12 == p->gva >> 12;
    case SLOW_INVEPT:
        return p->c->eptp && (!e->eptp || e->eptp == p->c->eptp);
    case SLOW_VIOLATION:
        break;
    }
    return false;
}

static bool covers_physical(const struct path *p, const struct slow_event *e, uint64_t gpa)
{
    return (e->scope == SLOW_INVEPT && (!e->eptp || e->eptp == p->c->eptp)) ||
           (e->scope == SLOW_ASID && e->vpid == p->c->vpid) ||
           (e->scope == SLOW_VIOLATION && e->vpid == p->c->vpid && e->pcid == p->c->pcid &&
            e->eptp == p->c->eptp && e->gva >> 12 == p->gva >> 12 && e->gpa >> 12 == gpa >> 12);
}

static bool linear_allowed(const struct path *p, unsigned shift, bool global)
{
    for (unsigned i = 0; i < p->s->n_events && p->guest_until != FOREVER; i++) {
        const struct slow_event *e = &p->s->event[i];
        if (e->time >= p->guest_until && covers_linear(p, e, shift, global)) {
            return false;
        }
    }
    return true;
}

static bool physical_allowed(const struct path *p, uint64_t until, uint64_t gpa)
{
    for (unsigned i = 0; i < p->s->n_events && until != FOREVER; i++) {
        const struct slow_event *e = &p->s->event[i];
        if (e->time >= until && covers_physical(p, e, gpa)) {
            return false;
        }
    }
    return true;
}

static void outcome(struct path *p, struct slow_outcome o)
{
    struct slow_answer *a = p->a;
    o.stale = p->guest_until != FOREVER || p->nested_until != FOREVER;
    a->stale = a->stale || o.stale;
    if (!o.stale) {
        a->n_required = 0;
        for (unsigned i = 0; i < p->n_flags && o.fault == VS_FAULT_NONE; i++) {
            a->required[a->n_required++] = a->path[i];
        }
    }
    for (unsigned i = 0; i < p->n_flags; i++) {
        if (a->n_permitted == SLOW_FLAGS) {
            a->overflow = true;
            return;
        }
        a->permitted[a->n_permitted++] = a->path[i];
    }
    if (a->n == SLOW_OUTCOMES) {
        a->overflow = true;
    } else {
        a->outcome[a->n++] = o;
    }
}

static void uses(struct path *p, uint64_t at, const struct slow_entry *e, bool write)
{
    struct slow_flag f = {at, e->a | (write ? e->d : 0), write ? e->d_clear : 0};
    if ((f.mask || f.clear) && p->n_flags < 64) {
        p->a->path[p->n_flags++] = f;
    }
}

/* The present value; tables may contain themselves, so this path may have set flags in it. */
static uint64_t present(const struct path *p, uint64_t at)
{
    vs_hpa h = {at};
    uint64_t value = vs_phys_read64(p->s->phys, h);
    for (unsigned i = 0; i < p->n_flags; i++) {
        if (p->a->path[i].at == at) {
            value = (value | p->a->path[i].mask) & ~p->a->path[i].clear;
        }
    }
    return value;
}

/* Values an entry may have been seen with: index 0 the present one. */
static unsigned next_version(const struct slow *s, uint64_t at, unsigned after, uint64_t *value,
                             uint64_t *until)
{
    unsigned i = after == UINT32_MAX ? s->bucket[bucket_of(at)] : s->version[after].next;
    while (i && s->version[i].at != at) {
        i = s->version[i].next;
    }
    if (i) {
        *value = s->version[i].value;
        *until = s->version[i].until;
    }
    return i;
}

static uint64_t entry_address(const struct slow_format *f, uint64_t table, unsigned level,
                              uint64_t address)
{
    unsigned shift = slow_shift(f, level);
    unsigned width = level == f->levels ? f->input_bits - shift : f->granule - 3u;
    return table + (address >> shift & ((1ull << width) - 1u)) * 8u;
}

/* ---- second dimension ---- */

enum why { TABLE, TABLE_UPDATE, FINAL };
/* Continues a path with the host-physical address behind gpa. */
struct then {
    void (*go)(struct path *p, const struct then *self, uint64_t hpa, unsigned shift);
    uint64_t gpa;
    enum why why;
    unsigned level; /* of the guest entry */
    bool r, w, x, global;
    unsigned guest_shift;
    uint64_t value;
};

/* Fault status code of Arm: translation, access flag, permission, and 0 address size; its levels
 * count from the root. */
enum fault { TRANSLATION = 4, ACCESS_FLAG = 8, PERMISSION = 12, RESERVED = 16 };
static uint64_t status_code(enum fault why, unsigned level)
{
    return (why == RESERVED ? 0u : (uint64_t)why) + (4u - level); /* address size */
}

/* need: bit 0 read, 1 write, 2 fetch; rights: what all entries allow. */
static void second_fault(struct path *p, const struct then *t, unsigned level, enum fault why,
                         unsigned rights, unsigned need)
{
    struct slow_outcome o = {.fault = VS_FAULT_EPT_VIOLATION, .gpa = t->gpa};
    bool table = t->why != FINAL, write = (need & 2u) != 0;
    switch (p->s->nested.kind) {
    case SLOW_EPT:
        if (why == RESERVED) {
            o.fault = VS_FAULT_EPT_MISCONFIG;
        } else {
            o.qualification = need | rights << 3 | 1u << 7 | (table ? 0u : 1u << 8);
        }
        break;
    case SLOW_ARM_S2:
        o.qualification = status_code(why, level) | (write ? 1u << 6 : 0) | (table ? 1u << 7 : 0);
        break;
    default: /* EXITINFO1 */
        o.qualification =
            (why != TRANSLATION ? 1u : 0) | (write ? 2u : 0) | 4u | (why == RESERVED ? 8u : 0) |
            (!table && p->ref == VS_REF_FETCH ? 16u : 0) | (table ? 1ull << 33 : 1ull << 32);
    }
    outcome(p, o);
}

static void second(struct path *p, const struct then *t, unsigned level, uint64_t table,
                   unsigned rights, uint64_t until)
{
    const struct slow_format *f = &p->s->nested;
    uint64_t at = entry_address(f, table, level, t->gpa), value, gone = FOREVER;
    unsigned version = UINT32_MAX;
    /* EPT with accessed and dirty flags, and AMD always: every reference to a table is a write */
    bool writes = f->kind == SLOW_NPT || (f->kind == SLOW_EPT && f->accessed_dirty);
    bool write = t->why == FINAL ? p->ref == VS_REF_WRITE : t->why == TABLE_UPDATE || writes;
    value = present(p, at);
    do {
        struct slow_entry e = slow_decode(f, level, value);
        struct path q = *p;
        uint64_t first = gone < until ? gone : until;
        unsigned all = rights & ((e.r ? 1u : 0) | (e.w ? 2u : 0) | (e.x ? 4u : 0));
        unsigned need = t->why == FINAL ? 1u << p->ref : write ? 3u : 1u;
        q.nested_until = first < q.nested_until ? first : q.nested_until;
        if (!physical_allowed(p, first, t->gpa)) {
            continue;
        }
        unsigned has = f->kind == SLOW_NPT && !(all & 1u) ? 0 : all; /* user access needs U/S */
        bool faults = !e.present || e.bad || (e.leaf && (e.accessed_fault || (has & need) != need));
        if (faults) {
            /* a fault is never remembered: its last entry was read just now, and the linear address
             * is that of a walk */
            if (gone == FOREVER && linear_allowed(&q, WALK_CACHE, false)) {
                second_fault(&q, t, level,
                             !e.present         ? TRANSLATION
                             : e.bad            ? RESERVED
                             : e.accessed_fault ? ACCESS_FLAG
                                                : PERMISSION,
                             e.present ? all : 0, need);
            }
            continue;
        }
        uses(&q, at, &e, write);
        if (e.leaf) {
            uint64_t low = (1ull << slow_shift(f, level)) - 1u;
            t->go(&q, t, (e.next & ~low) | (t->gpa & low), slow_shift(f, level));
        } else {
            second(&q, t, level - 1, e.next, all, first);
        }
    } while ((version = next_version(p->s, at, version, &value, &gone)) != 0);
}

static void nested(struct path *p, const struct then *t)
{
    if (!p->c->eptp) {
        t->go(p, t, t->gpa, 63);
    } else if (p->s->nested.kind == SLOW_ARM_S2 && t->gpa >> p->s->nested.input_bits) {
        second_fault(p, t, 4, TRANSLATION, 0,
                     t->why == FINAL   ? 1u << p->ref
                     : t->why == TABLE ? 1u
                                       : 3u);
    } else {
        second(p, t, p->s->nested.levels, p->c->eptp & 0x000ffffffffff000u, 7, FOREVER);
    }
}

/* ---- first dimension ---- */

static void page_fault(struct path *p, unsigned level, enum fault why)
{
    struct slow_outcome o = {.fault = VS_FAULT_PAGE};
    bool arm = p->s->guest.kind == SLOW_ARM_S1, write = p->ref == VS_REF_WRITE;
    o.error_code = (why == TRANSLATION ? 0u : 1u) | (write ? 2u : 0u) | 4u |
                   (why == RESERVED ? 8u : 0u) | (p->ref == VS_REF_FETCH ? 16u : 0u);
    o.qualification = arm ? status_code(why, level) | (write ? 1u << 6 : 0) : 0;
    outcome(p, o);
}

static void reached(struct path *p, const struct then *t, uint64_t hpa, unsigned shift)
{
    struct slow_outcome o = {.fault = VS_FAULT_NONE, .hpa = hpa, .global = t->global};
    o.shift = shift < t->guest_shift ? shift : t->guest_shift;
    outcome(p, o);
}

static void first(struct path *p, const struct then *t, uint64_t at, unsigned shift);

static void used(struct path *p, const struct then *t, uint64_t at, unsigned shift)
{
    const struct slow_format *f = &p->s->guest;
    struct slow_entry e = slow_decode(f, t->level, t->value);
    struct path q = *p;
    struct then next = *t;
    (void)shift;
    uses(&q, at, &e, p->ref == VS_REF_WRITE);
    if (e.leaf) {
        uint64_t low = (1ull << slow_shift(f, t->level)) - 1u;
        if (linear_allowed(&q, slow_shift(f, t->level), e.global)) {
            next.go = reached;
            next.why = FINAL;
            next.global = e.global;
            next.gpa = (e.next & ~low) | (p->gva & low);
            next.guest_shift = slow_shift(f, t->level);
            nested(&q, &next);
        }
        return;
    }
    next.go = first;
    next.why = TABLE;
    next.level = t->level - 1;
    next.gpa = entry_address(f, e.next, next.level, p->gva);
    nested(&q, &next);
}

/* The guest entry of t->level lies at `at`. */
static void first(struct path *p, const struct then *t, uint64_t at, unsigned shift)
{
    const struct slow_format *f = &p->s->guest;
    uint64_t gone = FOREVER;
    unsigned version = UINT32_MAX;
    struct then next = *t;
    next.value = present(p, at);
    do {
        struct slow_entry e = slow_decode(f, t->level, next.value);
        struct path q = *p;
        q.guest_until = gone < q.guest_until ? gone : q.guest_until;
        q.leaf_now = gone == FOREVER;
        bool r = t->r && e.r, w = t->w && e.w, x = t->x && e.x;
        bool right = p->ref == VS_REF_READ ? r : p->ref == VS_REF_WRITE ? w : x;
        /* U/S forbids all to user mode, AP[1] all but execution */
        right = right && (r || (f->kind == SLOW_ARM_S1 && p->ref == VS_REF_FETCH));
        if (!e.present || e.bad || (e.leaf && (e.accessed_fault || !right))) {
            if (gone == FOREVER && linear_allowed(&q, WALK_CACHE, false)) {
                page_fault(&q, t->level,
                           !e.present         ? TRANSLATION
                           : e.bad            ? RESERVED
                           : e.accessed_fault ? ACCESS_FLAG
                                              : PERMISSION);
            }
            continue;
        }
        next.r = r, next.w = w, next.x = x;
        bool write = p->ref == VS_REF_WRITE;
        uint64_t set = e.a | (write ? e.d : 0), clear = write ? e.d_clear : 0;
        bool update = ((next.value | set) & ~clear) != next.value;
        bool apart = p->c->eptp && p->s->nested.kind != SLOW_NPT &&
                     (p->s->nested.kind != SLOW_EPT || !p->s->nested.accessed_dirty);
        if (apart && update) {
            next.go = used; /* the update is a write of its own */
            next.why = TABLE_UPDATE;
            nested(&q, &next);
        }
        if (!update || !apart || gone != FOREVER) {
            used(&q, &next, at, shift);
        }
    } while ((version = next_version(p->s, at, version, &next.value, &gone)) != 0);
}

void slow_translate(struct slow *s, const struct slow_context *c, uint64_t gva, enum vs_ref ref,
                    struct slow_answer *a)
{
    a->n = a->n_permitted = a->n_required = 0;
    a->overflow = a->stale = false;
    struct path p = {.s = s,
                     .c = c,
                     .a = a,
                     .gva = gva,
                     .ref = ref,
                     .guest_until = FOREVER,
                     .nested_until = FOREVER};
    unsigned unused = 64u - s->guest.input_bits;
    bool arm = s->guest.kind == SLOW_ARM_S1;
    if (!arm && (uint64_t)((int64_t)(gva << unused) >> unused) != gva) {
        outcome(&p, (struct slow_outcome){.fault = VS_FAULT_GENERAL_PROTECTION});
        return;
    }
    if (arm && gva >> s->guest.input_bits) {
        page_fault(&p, 4, TRANSLATION); /* nothing is mapped above the region of TTBR0 */
        return;
    }
    uint64_t root = c->cr3, gone = FOREVER;
    unsigned version = UINT32_MAX;
    do {
        struct then t = {.go = first, .why = TABLE, .level = s->guest.levels};
        t.r = t.w = t.x = true;
        t.gpa = entry_address(&s->guest, root & 0x000ffffffffff000u, t.level, gva);
        p.guest_until = gone;
        nested(&p, &t);
    } while ((version = next_version(s, root_key(c), version, &root, &gone)) != 0);
}
