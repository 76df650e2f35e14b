/* SPDX-License-Identifier: MIT */
/* The file of a recording: opened, every checksum held against its bytes, its text understood. What
 * its blocks ask for: play.c. */
#define _POSIX_C_SOURCE 200809L

#include "recording/recording_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

bool vs__vst_read(const struct vs_recording *r, uint64_t at, void *out, size_t n)
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

/* Hashes the whole file, by which runs know that they had the same input. */
static bool hash_file(struct vs_recording *r)
{
    static uint8_t buffer[1u << 16];
    XXH64_state_t *h = XXH64_createState();
    bool ok = h != NULL && XXH64_reset(h, 0) == XXH_OK;
    for (uint64_t at = 0; ok && at < r->size; at += sizeof buffer) {
        size_t n = r->size - at < sizeof buffer ? (size_t)(r->size - at) : sizeof buffer;
        ok = vs__vst_read(r, at, buffer, n) && XXH64_update(h, buffer, n) == XXH_OK;
    }
    r->hash = ok ? XXH64_digest(h) : 0;
    XXH64_freeState(h);
    return ok;
}

/* ---- text ---- */

/* Says whether n characters are a decimal number of 64 bits. */
static bool is_number(const char *s, size_t n)
{
    size_t digits = strspn(s, "0123456789");
    return digits == n && n && n < 20;
}

/* One line of the text, n bytes; NULL: it is one that a recording has. */
static const char *check_line(const char *line, size_t n)
{
    static const struct {
        const char *key;
        bool number;
    } known[] = {{"machine", false},        {"set", false},   {"program", false},
                 {"workload", false},       {"warmup", true}, {"recorded", true},
                 {"recorded_memory", true}, {"vm", true},     {"shares", false}};
    const char *eq = memchr(line, '=', n);
    size_t key = eq ? (size_t)(eq - line) : n;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (eq && strlen(known[i].key) == key && !memcmp(line, known[i].key, key)) {
            return known[i].number && !is_number(eq + 1, n - key - 1u) ? "is not a number" : NULL;
        }
    }
    return "is not one of machine, set, program, workload, warmup, recorded, recorded_memory, vm, "
           "shares";
}

/* Machines and their vCPUs: as many as there are programs. */
static bool machines_add_up(const struct vs_recording *r)
{
    char text[32];
    uint64_t n = 0;
    unsigned i = 0;
    for (; vs_recording_text(r, "vm", i, text, sizeof text); i++) {
        uint64_t vcpus = strtoull(text, NULL, 10);
        n += vcpus <= r->header.n_vcpus ? vcpus : UINT32_MAX;
        if (!vcpus) {
            return false;
        }
    }
    return !i || n == r->header.n_vcpus;
}

/* Checks every line of the recording's text of keys and values. */
static bool check_text(const struct vs_recording *r, char *err, size_t err_size)
{
    for (const char *line = r->text; *line;) {
        size_t n = strcspn(line, "\n");
        const char *wrong = check_line(line, n);
        if (wrong) {
            snprintf(err, err_size, "a corrupt recording: the line '%.*s' of its text %s",
                     n > 80 ? 80 : (int)n, line, wrong);
            return false;
        }
        line += n + (line[n] != 0);
    }
    if (strlen(r->text) != r->header.text_bytes) {
        snprintf(err, err_size, "a corrupt recording: a 0 in its text");
        return false;
    }
    if (!machines_add_up(r)) {
        snprintf(err, err_size,
                 "a corrupt recording: the virtual machines of its text (vm) do not have its %u "
                 "vCPUs",
                 r->header.n_vcpus);
        return false;
    }
    return true;
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

void vs_recording_machines(const struct vs_recording *r, unsigned *machine)
{
    char text[32];
    unsigned v = 0;
    for (unsigned i = 0; vs_recording_text(r, "vm", i, text, sizeof text); i++) {
        for (uint64_t n = strtoull(text, NULL, 10); n && v < r->header.n_vcpus; n--) {
            machine[v++] = i;
        }
    }
    for (; v < r->header.n_vcpus; v++) {
        machine[v] = 0;
    }
}

/* ---- the frame ---- */

/* Reads the header, and checks version, sizes and text before anything relies on them. */
static bool check_header(struct vs_recording *r, char *err, size_t err_size)
{
    struct vs_vst_header *h = &r->header;
    if (!vs__vst_read(r, 0, h, sizeof *h)) {
        snprintf(err, err_size, "a recording cut short: not even its header is there");
        return false;
    }
    if (memcmp(h->magic, "VST1", 4) != 0) {
        snprintf(err, err_size, "not a recording: it does not begin with VST1");
        return false;
    }
    if (h->version < VS_VST_OLDEST || h->version > VS_VST_VERSION) {
        snprintf(err, err_size,
                 "a recording of version %u; versions %u and %u are read: record the run again",
                 h->version, VS_VST_OLDEST, VS_VST_VERSION);
        return false;
    }
    if (!h->n_vcpus || h->n_vcpus > VS_VST_VCPUS || h->text_bytes > VS_VST_TEXT_MAX) {
        snprintf(err, err_size, "a corrupt recording: an impossible header");
        return false;
    }
    r->text = calloc(1, h->text_bytes + 1u);
    if (!r->text) {
        snprintf(err, err_size, "not enough memory");
        return false;
    }
    if (!vs__vst_read(r, sizeof *h, r->text, h->text_bytes)) {
        snprintf(err, err_size, "a recording cut short: its text is not all there");
        return false;
    }
    if (vs_vst_header_sum(h, r->text) != h->xxh64) {
        snprintf(err, err_size,
                 "a corrupt recording: the checksum of its header and text does not match; they "
                 "were changed since it was written");
        return false;
    }
    return check_text(r, err, err_size);
}

/* A block's frame against its checksum. */
static bool check_block(const struct vs_recording *r, uint64_t number, uint64_t at,
                        const struct vs_vst_block *b, uint8_t **buffer, size_t *cap)
{
    if (b->stored_bytes > *cap) {
        uint8_t *more = realloc(*buffer, b->stored_bytes);
        if (!more) {
            return false;
        }
        *buffer = more;
        *cap = b->stored_bytes;
    }
    return vs__vst_read(r, at + sizeof *b, *buffer, b->stored_bytes) &&
           vs_vst_block_sum(number, b, *buffer) == b->xxh64;
}

/* The end against the blocks before it; what it says of their contents is kept. */
static bool check_end(struct vs_recording *r, const struct vs_vst_block *b, uint64_t blocks)
{
    if (r->header.version == VS_VST_OLDEST) {
        r->codes = VS_VST_OTHERS;
        return b->xxh64 == blocks && !b->raw_bytes && !b->stored_bytes;
    }
    r->codes = b->raw_bytes | (uint64_t)b->stored_bytes << 32;
    return b->xxh64 == vs_vst_end_sum(blocks, b);
}

/* Every block, and that the end is where they end. */
static bool check_blocks(struct vs_recording *r, char *err, size_t err_size)
{
    const struct vs_vst_header *h = &r->header;
    struct vs_vst_block b = {0, 0, 0, 0, 0};
    uint64_t at = sizeof *h + h->text_bytes, blocks = 0;
    uint8_t *buffer = NULL;
    size_t cap = 0;
    bool sound = true;
    for (; vs__vst_read(r, at, &b, sizeof b) && b.vcpu != VS_VST_END; blocks++) {
        if (b.stored_bytes > r->size - at - sizeof b) {
            break;
        }
        if (!check_block(r, blocks, at, &b, &buffer, &cap)) {
            snprintf(err, err_size,
                     "a corrupt recording: the checksum of the block at byte offset %" PRIu64
                     " does not match",
                     at);
            sound = false;
            break;
        }
        if (b.vcpu >= h->n_vcpus) {
            snprintf(err, err_size, "a corrupt recording: a block of a vCPU that does not exist");
            sound = false;
            break;
        }
        at += sizeof b + b.stored_bytes;
    }
    free(buffer);
    if (sound && (b.vcpu != VS_VST_END || !check_end(r, &b, blocks) || at + sizeof b != r->size)) {
        snprintf(err, err_size,
                 "a recording cut short or corrupt: its end is not where its blocks end");
        sound = false;
    }
    if (sound && b.requests != h->n_vcpus) {
        snprintf(err, err_size,
                 "a corrupt recording: %u of its %u programs have their end, all must have it",
                 b.requests, h->n_vcpus);
        sound = false;
    }
    return sound;
}

/* Checks an opened recording, or frees it with the message of what is wrong. */
static struct vs_recording *finish(struct vs_recording *r, const char *name, char *err,
                                   size_t err_size)
{
    char wrong[512] = "";
    bool ok = check_header(r, wrong, sizeof wrong) && check_blocks(r, wrong, sizeof wrong);
    if (ok && !hash_file(r)) {
        snprintf(wrong, sizeof wrong, "cannot be read");
        ok = false;
    }
    if (ok) {
        r->name = strdup(name);
        ok = r->name && vs__vst_lanes(r);
        snprintf(wrong, sizeof wrong, "not enough memory");
    }
    if (!ok) {
        snprintf(err, err_size, "%s: %s", name, wrong);
        vs_recording_close(r);
        return NULL;
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

void vs_recording_close(struct vs_recording *r)
{
    if (!r) {
        return;
    }
    vs__vst_lanes_free(r);
    if (r->fd >= 0) {
        (void)close(r->fd);
    }
    free(r->holds);
    free(r->name);
    free(r->text);
    free(r);
}
