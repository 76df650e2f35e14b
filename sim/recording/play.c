/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "recording/format.h"
#include "recording/recording.h"
#include "trace/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#define MOST_REGIONS 1024u

/* A region that came out elsewhere than when it was recorded (other page sizes). */
struct region {
    uint64_t recorded, bytes, now;
};

struct lane {
    struct vs_recording *r;
    uint32_t vcpu;
    uint64_t offset, block_at; /* where the next block's header is; the present one's */
    uint32_t left;             /* requests of the present block */
    uint8_t *raw, *stored;
    size_t len, pos, raw_cap, stored_cap;
    bool bad;
    struct vs_trace_rec *rec;
    size_t rec_cap;
    uint64_t walks[2 * VS_WALK_N], answer;
    struct vs_recorded_tables tables;
    struct vs_recorded_table *table;
    struct region region[MOST_REGIONS], asked; /* asked.bytes: a map awaits its answer */
    unsigned n_regions;
    char error[1200];
};

struct vs_recording {
    int fd; /* -1: memory */
    const uint8_t *mem;
    uint64_t size, hash;
    char *name, *text;
    struct vs_vst_header header;
    struct lane *lane;
};

static bool read_at(const struct vs_recording *r, uint64_t at, void *out, size_t n)
{
    if (at > r->size || n > r->size - at) {
        return false;
    }
    if (r->fd < 0) {
        if (n) {
            memcpy(out, r->mem + at, n);
        }
        return true;
    }
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(r->fd, (uint8_t *)out + done, n - done, (off_t)(at + done));
        if (got <= 0) {
            return false;
        }
        done += (size_t)got;
    }
    return true;
}

/* ---- one vCPU's requests ---- */

static void corrupt(struct lane *l, const char *what)
{
    if (!l->bad) {
        snprintf(l->error, sizeof l->error,
                 "%s: corrupt recording: %s, in the block at byte offset %" PRIu64
                 ", %zu bytes into its contents",
                 l->r->name, what, l->block_at, l->pos);
        l->bad = true;
    }
}

static uint64_t number(struct lane *l)
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

static uint64_t at_most(struct lane *l, uint64_t most, const char *what)
{
    uint64_t v = number(l);
    if (v > most) {
        corrupt(l, what);
        return 0;
    }
    return v;
}

static uint64_t difference(struct lane *l, uint64_t before)
{
    uint64_t v = number(l);
    return before + (v >> 1 ^ (0 - (v & 1u)));
}

static void bytes(struct lane *l, void *out, size_t n)
{
    if (n > l->len - l->pos) {
        corrupt(l, "fewer bytes than it says");
        memset(out, 0, n);
        return;
    }
    memcpy(out, l->raw + l->pos, n);
    l->pos += n;
}

static void *grown(struct lane *l, void *old, size_t *cap, size_t n, size_t each)
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

static void records(struct lane *l, struct vs_request *q)
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

static void tables(struct lane *l, struct vs_request *q)
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

static void walks(struct lane *l, struct vs_request *q)
{
    if (at_most(l, 1, "walks that are neither there nor not")) {
        for (unsigned i = 0; i < 2u * VS_WALK_N; i++) {
            l->walks[i] = number(l);
        }
        q->walks = l->walks;
    }
}

static void field(struct lane *l, char letter, struct vs_request *q)
{
    switch (letter) {
    case 'A':
        q->address = number(l);
        break;
    case 'B':
        q->bytes = q->kind == VS_REQ_ACCESS ? at_most(l, 4096, "a huge access") : number(l);
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
    case 'p':
        q->ps = number(l);
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
static bool next_block(struct lane *l)
{
    struct vs_recording *r = l->r;
    struct vs_vst_block b;
    do {
        l->block_at = l->offset;
        l->pos = l->len = 0;
        if (!read_at(r, l->offset, &b, sizeof b) || b.vcpu == VS_VST_END) {
            corrupt(l, "it ends before the program does");
            return false;
        }
        l->offset += sizeof b + b.stored_bytes;
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
    if (!read_at(r, l->block_at + sizeof b, l->stored, b.stored_bytes) ||
        ZSTD_decompress(l->raw, b.raw_bytes, l->stored, b.stored_bytes) != b.raw_bytes ||
        XXH64(l->raw, b.raw_bytes, 0) != b.xxh64) {
        corrupt(l, "its checksum does not match");
        return false;
    }
    l->len = b.raw_bytes;
    l->left = b.requests;
    return true;
}

/* ---- regions that came out elsewhere ---- */

static bool names_region(enum vs_req kind)
{
    return kind == VS_REQ_UNMAP || kind == VS_REQ_PROTECT || kind == VS_REQ_ACCESS ||
           kind == VS_REQ_BULK || kind == VS_REQ_INVLPG;
}

static void relocate(const struct lane *l, struct vs_request *q)
{
    for (unsigned i = l->n_regions; i-- && names_region(q->kind);) {
        const struct region *g = &l->region[i];
        if (q->address - g->recorded < g->bytes) {
            q->address += g->now - g->recorded;
            return;
        }
    }
}

static void mapped(struct lane *l, uint64_t now)
{
    l->asked.now = now;
    if (now != l->asked.recorded) {
        if (l->n_regions == MOST_REGIONS) {
            memmove(l->region, l->region + 1, (MOST_REGIONS - 1u) * sizeof *l->region);
            l->n_regions--;
        }
        l->region[l->n_regions++] = l->asked;
    }
    l->asked.bytes = 0;
}

static void next(void *ctx, const struct vs_reply *reply, struct vs_request *out)
{
    struct lane *l = ctx;
    memset(out, 0, sizeof *out);
    if (l->asked.bytes) {
        mapped(l, reply->value);
    }
    while (!l->bad && !l->left && next_block(l)) {
    }
    if (!l->bad) {
        l->left--;
        uint64_t code = at_most(l, vs_vst_n_kinds - 1u, "no such request");
        if (!code) {
            corrupt(l, "no such request");
        } else {
            out->kind = vs_vst_kinds[code].kind;
            for (const char *f = vs_vst_kinds[code].fields; *f && !l->bad; f++) {
                field(l, *f, out);
            }
        }
    }
    if (l->bad) {
        out->kind = VS_REQ_ERROR;
        return;
    }
    relocate(l, out);
    if (out->kind == VS_REQ_MAP) {
        l->asked = (struct region){l->answer, out->bytes, 0};
    }
}

static const char *error(void *ctx)
{
    const struct lane *l = ctx;
    return l->error;
}

static void close_nothing(void *ctx)
{
    (void)ctx; /* the recording's owner closes it */
}

void vs_recording_source(struct vs_recording *r, unsigned vcpu, struct vs_guest_source *out)
{
    *out = (struct vs_guest_source){&r->lane[vcpu], next, error, close_nothing};
}

/* ---- the file ---- */

bool vs_recording_is(const char *path)
{
    char magic[4];
    struct stat st;
    if (stat(path, &st) || !S_ISREG(st.st_mode)) {
        return false; /* a pipe's bytes would be gone */
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool is = fd >= 0 && read(fd, magic, sizeof magic) == (ssize_t)sizeof magic &&
              memcmp(magic, "VST1", sizeof magic) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return is;
}

static bool hash_file(struct vs_recording *r)
{
    static uint8_t buffer[1u << 16];
    XXH64_state_t *h = XXH64_createState();
    bool ok = h != NULL && XXH64_reset(h, 0) == XXH_OK;
    for (uint64_t at = 0; ok && at < r->size; at += sizeof buffer) {
        size_t n = r->size - at < sizeof buffer ? (size_t)(r->size - at) : sizeof buffer;
        ok = read_at(r, at, buffer, n) && XXH64_update(h, buffer, n) == XXH_OK;
    }
    r->hash = ok ? XXH64_digest(h) : 0;
    XXH64_freeState(h);
    return ok;
}

/* NULL: sound as far as its frame goes. */
static const char *check(struct vs_recording *r)
{
    struct vs_vst_header *h = &r->header;
    struct vs_vst_block b = {0, 0, 0, 0, 0};
    if (!read_at(r, 0, h, sizeof *h) || memcmp(h->magic, "VST1", 4) != 0) {
        return "not a recording: it does not begin with VST1";
    }
    if (h->version != VS_VST_VERSION) {
        return "a recording of another version; 1 is read";
    }
    if (!h->n_vcpus || h->n_vcpus > VS_VST_VCPUS || h->text_bytes > VS_VST_TEXT_MAX) {
        return "a corrupt recording: an impossible header";
    }
    uint64_t at = sizeof *h + h->text_bytes, blocks = 0;
    for (; read_at(r, at, &b, sizeof b) && b.vcpu != VS_VST_END; blocks++) {
        if (b.vcpu >= h->n_vcpus) {
            return "a corrupt recording: a block of a vCPU that does not exist";
        }
        at += sizeof b + b.stored_bytes;
    }
    if (b.vcpu != VS_VST_END || b.xxh64 != blocks || at + sizeof b != r->size) {
        return "a recording cut short or corrupt: its end is not where its blocks end";
    }
    return hash_file(r) ? NULL : "cannot be read";
}

static struct vs_recording *finish(struct vs_recording *r, const char *name, char *err,
                                   size_t err_size)
{
    const char *wrong = check(r);
    uint32_t n = r->header.n_vcpus;
    if (!wrong) {
        r->name = strdup(name);
        r->text = calloc(1, r->header.text_bytes + 1u);
        r->lane = calloc(n, sizeof *r->lane);
        if (!r->name || !r->text || !r->lane) {
            wrong = "not enough memory";
        } else if (!read_at(r, sizeof r->header, r->text, r->header.text_bytes)) {
            wrong = "cannot be read";
        }
    }
    if (wrong) {
        snprintf(err, err_size, "%s: %s", name, wrong);
        vs_recording_close(r);
        return NULL;
    }
    for (uint32_t i = 0; i < n; i++) {
        r->lane[i].r = r;
        r->lane[i].vcpu = i;
        r->lane[i].offset = sizeof r->header + r->header.text_bytes;
    }
    return r;
}

struct vs_recording *vs_recording_open(const char *path, char *err, size_t err_size)
{
    struct stat st;
    struct vs_recording *r = calloc(1, sizeof *r);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (!r || fd < 0 || fstat(fd, &st)) {
        snprintf(err, err_size, "%s: %s", path, strerror(errno));
        if (fd >= 0) {
            (void)close(fd);
        }
        free(r);
        return NULL;
    }
    r->fd = fd;
    r->size = (uint64_t)st.st_size;
    return finish(r, path, err, err_size);
}

struct vs_recording *vs_recording_open_memory(const void *data, size_t size, char *err,
                                              size_t err_size)
{
    struct vs_recording *r = calloc(1, sizeof *r);
    if (!r) {
        return NULL;
    }
    r->fd = -1;
    r->mem = data;
    r->size = size;
    return finish(r, "memory", err, err_size);
}

unsigned vs_recording_vcpus(const struct vs_recording *r)
{
    return r->header.n_vcpus;
}

uint64_t vs_recording_seed(const struct vs_recording *r)
{
    return r->header.seed;
}

uint64_t vs_recording_hash(const struct vs_recording *r)
{
    return r->hash;
}

bool vs_recording_text(const struct vs_recording *r, const char *key, unsigned nth, char *out,
                       size_t bytes_max)
{
    size_t n = strlen(key);
    for (const char *line = r->text; *line;) {
        const char *end = strchr(line, '\n');
        end = end ? end : line + strlen(line);
        if ((size_t)(end - line) > n && !memcmp(line, key, n) && line[n] == '=' && !nth--) {
            snprintf(out, bytes_max, "%.*s", (int)(end - line - (long)n - 1), line + n + 1);
            return true;
        }
        line = *end ? end + 1 : end;
    }
    return false;
}

void vs_recording_close(struct vs_recording *r)
{
    if (!r) {
        return;
    }
    for (uint32_t i = 0; r->lane && i < r->header.n_vcpus; i++) {
        free(r->lane[i].raw);
        free(r->lane[i].stored);
        free(r->lane[i].rec);
        free(r->lane[i].table);
    }
    if (r->fd >= 0) {
        (void)close(r->fd);
    }
    free(r->lane);
    free(r->name);
    free(r->text);
    free(r);
}
