/* SPDX-License-Identifier: MIT */
/* The programs of a recording: requests out of its blocks. The file around them: open.c. */
#include "recording/recording_impl.h"
#include "trace/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define MOST_REGIONS 1024u

/* A region that came out elsewhere than when it was recorded (other page sizes). */
struct region {
    uint64_t recorded, bytes, now;
};

struct vs_vst_lane {
    struct vs_recording *r;
    uint32_t vcpu;
    unsigned first;            /* vCPU of the run that is the recording's vCPU 0 */
    uint64_t offset, block_at; /* where the next block's header is; the present one's */
    uint64_t block;            /* number of the next block */
    uint32_t left;             /* requests of the present block */
    uint8_t *raw, *stored;
    size_t len, pos, raw_cap, stored_cap;
    bool bad;
    struct vs_trace_rec *rec;
    size_t rec_cap;
    uint64_t walks[2 * VS_WALK_N], answer;
    struct vs_recorded_tables tables;
    struct vs_recorded_table *table;
    struct vs_vst_lane *home; /* the vCPU whose address spaces it works in: itself, mostly */
    struct region region[MOST_REGIONS], asked; /* asked.bytes: a map awaits its answer */
    unsigned n_regions;                        /* of the home, as region */
    char error[1200];
};

/* ---- one vCPU's requests ---- */

/* Keeps the first thing found wrong with a lane, with the block and the place in it. */
static void corrupt(struct vs_vst_lane *l, const char *what)
{
    if (!l->bad) {
        snprintf(l->error, sizeof l->error,
                 "%s: corrupt recording: %s, in the block at byte offset %" PRIu64
                 ", %zu bytes into its contents",
                 l->r->name, what, l->block_at, l->pos);
        l->bad = true;
    }
}

/* Reads a number of variable length, seven bits in a byte. */
static uint64_t number(struct vs_vst_lane *l)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && l->pos < l->len; shift += 7) {
        uint8_t b = l->raw[l->pos++];
        v |= (uint64_t)(b & 0x7fu) << shift;
        if (!(b & 0x80u)) {
            return v;
        }
    }
    corrupt(l, "a number without end");
    return 0;
}

/* Reads a number that may not be larger than the format allows. */
static uint64_t at_most(struct vs_vst_lane *l, uint64_t most, const char *what)
{
    uint64_t v = number(l);
    if (v > most) {
        corrupt(l, what);
        return 0;
    }
    return v;
}

/* Reads a number stored as its distance from the one before, the sign in its lowest bit. */
static uint64_t difference(struct vs_vst_lane *l, uint64_t before)
{
    uint64_t v = number(l);
    return before + (v >> 1 ^ (0 - (v & 1u)));
}

/* Reads n plain bytes. */
static void bytes(struct vs_vst_lane *l, void *out, size_t n)
{
    if (n > l->len - l->pos) {
        corrupt(l, "fewer bytes than it says");
        memset(out, 0, n);
        return;
    }
    memcpy(out, l->raw + l->pos, n);
    l->pos += n;
}

/* Makes an array large enough for n elements, or fails the lane. */
static void *grown(struct vs_vst_lane *l, void *old, size_t *cap, size_t n, size_t each)
{
    if (n <= *cap) {
        return old;
    }
    void *more = realloc(old, n * each);
    if (!more) {
        corrupt(l, "not enough memory for it");
        return old;
    }
    *cap = n;
    return more;
}

/* Reads the memory accesses of a request. */
static void records(struct vs_vst_lane *l, struct vs_request *q)
{
    /* a record takes three bytes at least */
    size_t n = at_most(l, (l->len - l->pos) / 3u, "more records than bytes");
    uint64_t before = 0;
    l->rec = grown(l, l->rec, &l->rec_cap, n, sizeof *l->rec);
    for (size_t i = 0; i < n && !l->bad; i++) {
        struct vs_trace_rec *t = &l->rec[i];
        uint64_t what = at_most(l, UINT32_MAX, "a record of no kind");
        *t = (struct vs_trace_rec){.addr = difference(l, before),
                                   .gap = (uint32_t)at_most(l, UINT32_MAX, "too many instructions"),
                                   .size = (uint16_t)(what >> 8),
                                   .kind = what & 15u,
                                   .flags = what >> 4 & 15u};
        if (t->flags & VS_TRACE_PHYSICAL) {
            t->physical = number(l);
        }
        if (t->kind > VS_TRACE_MARK || what >> 8 > 4096 ||
            (t->kind < VS_TRACE_INSTRUCTIONS && !t->size) ||
            t->addr > UINT64_MAX - (t->size ? t->size - 1u : 0)) {
            corrupt(l, "an impossible record");
        }
        before = t->addr;
    }
    q->records = l->rec;
    q->n_records = l->bad ? 0 : n;
}

/* Reads the page tables of a request. */
static void tables(struct vs_vst_lane *l, struct vs_request *q)
{
    struct vs_recorded_tables *t = &l->tables;
    t->root = number(l);
    t->memory = number(l);
    t->n = at_most(l, (l->len - l->pos) / 4097u, "more tables than bytes");
    free(l->table);
    l->table = calloc(t->n ? t->n : 1, sizeof *l->table);
    if (!l->table) {
        corrupt(l, "not enough memory for its tables");
        return;
    }
    for (size_t i = 0; i < t->n && !l->bad; i++) {
        l->table[i].at = number(l);
        bytes(l, l->table[i].bytes, sizeof l->table[i].bytes);
        if (l->table[i].at % 4096u || l->table[i].at >= t->memory) {
            corrupt(l, "a page table outside of memory");
        }
    }
    t->table = l->table;
    q->tables = t;
}

/* Reads the counts of walks that a request states, if it states them. */
static void walks(struct vs_vst_lane *l, struct vs_request *q)
{
    if (at_most(l, 1, "walks that are neither there nor not")) {
        for (unsigned i = 0; i < 2u * VS_WALK_N; i++) {
            l->walks[i] = number(l);
        }
        q->walks = l->walks;
    }
}

/* It says which of the recording's vCPUs; the run's are numbered from `first`. */
static uint64_t vcpu(struct vs_vst_lane *l)
{
    return l->first + at_most(l, l->r->header.n_vcpus - 1u, "names a vCPU that it does not have");
}

/* Reads the field of a request that a letter of its form stands for. */
static void field(struct vs_vst_lane *l, char letter, struct vs_request *q)
{
    switch (letter) {
    case 'A':
    case 'F':
        q->address = number(l);
        break;
    case 'B':
        q->bytes = number(l);
        break;
    case 'z':
        q->bytes = at_most(l, 4096, "a huge access");
        break;
    case 'C':
        q->count = number(l);
        break;
    case 'a':
        q->a = number(l);
        break;
    case 'b':
        q->b = number(l);
        break;
    case 'c':
        q->a = vcpu(l);
        break;
    case 'e':
        q->b = vcpu(l);
        break;
    case 'p':
        q->ps = at_most(l, VS_WAIT_PS_MAX, "a wait of more than two hours");
        break;
    case 's':
        q->stride = number(l);
        break;
    case 't':
        bytes(l, &q->theta, sizeof q->theta);
        break;
    case 'w':
        q->work = number(l);
        break;
    case 'o':
        q->op = (enum vs_req_op)at_most(l, VS_REQ_MODIFY, "no such operation");
        break;
    case 'P':
        q->pattern = (enum vs_req_pattern)at_most(l, VS_PATTERN_CHASE, "no such pattern");
        break;
    case 'k':
        q->backing = (enum vs_req_backing)at_most(l, VS_BACKING_POPULATE, "no such backing");
        break;
    case 'g':
        q->page_shift = (unsigned)at_most(l, 39, "no such page size");
        break;
    case 'd':
        q->depends = at_most(l, 1, "neither dependent nor not") != 0;
        break;
    case 'x':
        q->fixed = at_most(l, 1, "neither fixed nor not") != 0;
        break;
    case 'n':
        bytes(l, q->name, at_most(l, sizeof q->name - 1, "a long name"));
        break;
    case 'v':
        l->answer = number(l);
        break;
    case 'W':
        walks(l, q);
        break;
    case 'R':
        records(l, q);
        break;
    default:
        tables(l, q);
        break;
    }
}

/* The next block of this vCPU, decompressed; false: there is none, or it is bad. */
static bool next_block(struct vs_vst_lane *l)
{
    struct vs_recording *r = l->r;
    struct vs_vst_block b;
    do {
        l->block_at = l->offset;
        l->pos = l->len = 0;
        if (!vs__vst_read(r, l->offset, &b, sizeof b) || b.vcpu == VS_VST_END) {
            corrupt(l, "the program of this vCPU has no end");
            return false;
        }
        l->offset += sizeof b + b.stored_bytes;
        l->block++;
    } while (b.vcpu != l->vcpu);
    if (b.raw_bytes > VS_VST_BLOCK_MAX || b.stored_bytes > r->size) {
        corrupt(l, "an impossible size");
        return false;
    }
    l->stored = grown(l, l->stored, &l->stored_cap, b.stored_bytes, 1);
    l->raw = grown(l, l->raw, &l->raw_cap, b.raw_bytes, 1);
    if (l->bad) {
        return false;
    }
    /* looked at once more: the file may have changed since it was opened */
    if (!vs__vst_read(r, l->block_at + sizeof b, l->stored, b.stored_bytes) ||
        vs_vst_block_sum(l->block - 1u, &b, l->stored) != b.xxh64 ||
        ZSTD_decompress(l->raw, b.raw_bytes, l->stored, b.stored_bytes) != b.raw_bytes) {
        corrupt(l, "its checksum does not match");
        return false;
    }
    l->len = b.raw_bytes;
    l->left = b.requests;
    return true;
}

/* ---- regions that came out elsewhere ---- */

/* Says whether a request's address lies in a region that may be mapped elsewhere now. */
static bool moves(const struct vs_vst_kind *kind, const struct vs_request *q)
{
    uint64_t form = q->a & (VS_REQ_TLBI_IS - 1u);
    bool physical = q->kind == VS_REQ_TLBI && (form == VS_REQ_IPAS2E1 || form == VS_REQ_IPAS2LE1);
    return strchr(kind->fields, 'A') && !physical;
}

/* Moves an address by as much as its region moved since the recording. */
static void relocate(const struct vs_vst_lane *l, struct vs_request *q)
{
    l = l->home;
    for (unsigned i = l->n_regions; i--;) {
        const struct region *g = &l->region[i];
        if (q->address - g->recorded < g->bytes) {
            q->address += g->now - g->recorded;
            return;
        }
    }
}

/* Notes where a region that the recording mapped lies now. */
static void mapped(struct vs_vst_lane *l, uint64_t now)
{
    struct vs_vst_lane *h = l->home;
    l->asked.now = now;
    if (now != l->asked.recorded) {
        if (h->n_regions == MOST_REGIONS) {
            memmove(h->region, h->region + 1, (MOST_REGIONS - 1u) * sizeof *h->region);
            h->n_regions--;
        }
        h->region[h->n_regions++] = l->asked;
    }
    l->asked.bytes = 0;
}

/* The next request as it stands in the file; NULL: there is none, or it is bad. */
static const struct vs_vst_kind *read_request(struct vs_vst_lane *l, struct vs_request *out)
{
    const struct vs_vst_kind *kind = NULL;
    memset(out, 0, sizeof *out);
    while (!l->bad && !l->left && next_block(l)) {
    }
    if (!l->bad) {
        l->left--;
        uint64_t code = number(l);
        if (!vs_vst_has(code)) {
            corrupt(l, "no such request");
        } else {
            kind = &vs_vst_kinds[code];
            out->kind = kind->kind;
            for (const char *f = kind->fields; *f && !l->bad; f++) {
                field(l, *f, out);
            }
        }
    }
    return l->bad ? NULL : kind;
}

/* The program's next request, on this machine. */
static void next(void *ctx, const struct vs_reply *reply, struct vs_request *out)
{
    struct vs_vst_lane *l = ctx;
    if (l->asked.bytes) {
        mapped(l, reply->value);
    }
    const struct vs_vst_kind *kind = read_request(l, out);
    if (!kind) {
        out->kind = VS_REQ_ERROR;
        return;
    }
    if (l->home->n_regions && moves(kind, out)) {
        relocate(l, out);
    }
    if (out->kind == VS_REQ_MAP) {
        l->asked = (struct region){l->answer, out->bytes, 0};
    }
}

/* The message of a lane that failed. */
static const char *error(void *ctx)
{
    const struct vs_vst_lane *l = ctx;
    return l->error;
}

/* Closes nothing, since the recording's owner closes it. */
static void close_nothing(void *ctx)
{
    (void)ctx; /* the recording's owner closes it */
}

void vs_recording_source(struct vs_recording *r, unsigned vcpu, unsigned first,
                         struct vs_guest_source *out)
{
    r->lane[vcpu].first = first;
    *out = (struct vs_guest_source){&r->lane[vcpu], next, error, close_nothing, NULL};
}

/* Lines "shares=1 0": what one of them maps, the other one names. */
static void share(struct vs_recording *r)
{
    char text[32];
    for (unsigned i = 0; vs_recording_text(r, "shares", i, text, sizeof text); i++) {
        char *end;
        unsigned long who = strtoul(text, &end, 10), with = strtoul(end, NULL, 10);
        if (who < r->header.n_vcpus && with < who) {
            r->lane[who].home = r->lane[with].home;
        }
    }
}

/* What a lane holds besides itself. */
static void empty(struct vs_vst_lane *l)
{
    free(l->raw);
    free(l->stored);
    free(l->rec);
    free(l->table);
}

/* The program of a vCPU from its beginning. */
static void begin(struct vs_vst_lane *l, struct vs_recording *r, uint32_t vcpu)
{
    l->r = r;
    l->vcpu = vcpu;
    l->home = l;
    l->offset = sizeof r->header + r->header.text_bytes;
}

/* Looks through the blocks for what the end does not tell. What is wrong with them is said when
 * they are replayed. */
static void look_through(struct vs_recording *r)
{
    struct vs_request q;
    for (uint32_t i = 0; i < r->header.n_vcpus; i++) {
        struct vs_vst_lane *l = calloc(1, sizeof *l);
        if (!l) {
            return;
        }
        begin(l, r, i);
        while (read_request(l, &q)) {
            r->holds[q.kind] = true;
            if (q.kind == VS_REQ_END) {
                break;
            }
        }
        empty(l);
        free(l);
    }
}

unsigned vs_recording_codes(void)
{
    return vs_vst_n_kinds;
}

bool vs_recording_asks(struct vs_recording *r, enum vs_req kind)
{
    if (!r->holds) {
        r->holds = calloc(vs_vst_n_kinds, sizeof *r->holds);
        for (unsigned code = 0; r->holds && code < vs_vst_n_kinds && code < 63u; code++) {
            r->holds[code] = (r->codes & vs_vst_bit(code)) != 0;
        }
        if (r->holds && r->codes & VS_VST_OTHERS) {
            look_through(r);
        }
    }
    return r->holds && (unsigned)kind < vs_vst_n_kinds && r->holds[kind];
}

const char *vs_recording_name(const struct vs_recording *r)
{
    return r->name;
}

bool vs__vst_lanes(struct vs_recording *r)
{
    uint32_t n = r->header.n_vcpus;
    r->lane = calloc(n, sizeof *r->lane);
    for (uint32_t i = 0; r->lane && i < n; i++) {
        begin(&r->lane[i], r, i);
    }
    if (r->lane) {
        share(r);
    }
    return r->lane != NULL;
}

void vs__vst_lanes_free(struct vs_recording *r)
{
    for (uint32_t i = 0; r->lane && i < r->header.n_vcpus; i++) {
        empty(&r->lane[i]);
    }
    free(r->lane);
}
