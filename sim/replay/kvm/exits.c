/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "replay/kvm/exits.h"

#include "replay/kvm/line.h"
#include "replay/kvm/payload.h"
#include "trace/trace_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROCESSORS 4096u /* more than any host has */
#define LINE 4096u       /* longer ones are no events */

/* A thread while it is read. */
struct reading {
    int64_t key;  /* that tells it from the others of the file */
    bool outside; /* its last event is an exit: the next entry ends it */
    bool inside;  /* its last event is an entry */
    uint64_t at_ps, at_line;
    int at_cpu; /* of that event */
};

struct reader {
    struct vs_trace_stream in;
    struct vs_kvm_exits *out;
    struct reading *reading;                  /* of each thread */
    uint64_t lost[PROCESSORS], lost_anywhere; /* the last line that said so */
    uint64_t vote[VS_KVM_VENDORS];
    bool riscv;
};

const char *vs_kvm_vendor_text(enum vs_kvm_vendor vendor)
{
    static const char *const text[] = {"Intel's", "AMD's", "Arm's"};
    return text[vendor];
}

/* Events between this event of a thread and the present line may be missing. */
static bool lost_since(const struct reader *r, const struct reading *t, int cpu)
{
    bool there = (unsigned)t->at_cpu < PROCESSORS && r->lost[t->at_cpu] > t->at_line;
    bool here = (unsigned)cpu < PROCESSORS && r->lost[cpu] > t->at_line;
    return there || here || r->lost_anywhere > t->at_line;
}

/* The thread of this event; NULL: no memory. */
static struct vs_kvm_thread *thread_of(struct reader *r, const struct vs_kvm_line *l, int64_t vcpu)
{
    struct vs_kvm_exits *o = r->out;
    int64_t key = l->thread >= 0 ? l->thread : vcpu >= 0 ? -2 - vcpu : INT64_MIN + 1 + l->cpu;
    for (size_t i = o->n_threads; i-- > 0;) {
        if (r->reading[i].key == key) {
            return &o->thread[i];
        }
    }
    size_t n = o->n_threads + 1u;
    struct vs_kvm_thread *t = realloc(o->thread, n * sizeof *t);
    o->thread = t ? t : o->thread;
    struct reading *now = t ? realloc(r->reading, n * sizeof *now) : NULL;
    if (!now) {
        return NULL;
    }
    r->reading = now;
    now[n - 1u] = (struct reading){.key = key, .at_cpu = -1};
    t[n - 1u] = (struct vs_kvm_thread){.id = l->thread, .vcpu = -1};
    o->n_threads = n;
    return &t[n - 1u];
}

/* Room for one more exit; NULL: no memory. */
static struct vs_kvm_exit *new_exit(struct vs_kvm_thread *t)
{
    if (t->n == t->room) {
        size_t room = t->room ? 2u * t->room : 64u;
        struct vs_kvm_exit *e = realloc(t->exit, room * sizeof *e);
        if (!e) {
            return NULL;
        }
        t->exit = e;
        t->room = room;
    }
    struct vs_kvm_exit *e = &t->exit[t->n++];
    *e = (struct vs_kvm_exit){.guest_ps = VS_KVM_UNKNOWN,
                              .handler_ps = VS_KVM_UNKNOWN,
                              .address = VS_KVM_UNKNOWN,
                              .trap = VS_TRAP_N};
    return e;
}

/* The reason of this exit on a processor of that vendor; what it says of its trap. */
static void settle(struct vs_kvm_exit *e, const struct vs_kvm_said *said, enum vs_kvm_vendor v)
{
    e->reason = said->name[0] ? vs_kvm_by_name(v, said->name) : vs_kvm_by_number(v, said->number);
    e->number = said->number;
    e->failed = said->failed;
    if (e->reason) {
        e->trap = (uint8_t)e->reason->trap;
        e->x86 = e->reason->x86;
        vs_kvm_payload_operands(e, said);
    }
}

/* A name that reasons.def has not, kept once; NULL: no memory. */
static const char *kept(struct vs_kvm_exits *o, const char *name)
{
    for (size_t i = 0; i < o->n_names; i++) {
        if (!strcmp(o->name[i], name)) {
            return o->name[i];
        }
    }
    char **more = realloc(o->name, (o->n_names + 1u) * sizeof *more);
    o->name = more ? more : o->name;
    char *copy = more ? strdup(name) : NULL;
    if (copy) {
        more[o->n_names++] = copy;
    }
    return copy;
}

/* The only vendor of these, VS_KVM_VENDORS: there are several. */
static enum vs_kvm_vendor only(unsigned vendors)
{
    for (unsigned v = 0; v < VS_KVM_VENDORS; v++) {
        if (vendors == 1u << v) {
            return (enum vs_kvm_vendor)v;
        }
    }
    return VS_KVM_VENDORS;
}

/* Time since the thread's last event; unknown where events are missing or the clock ran back. */
static uint64_t since(const struct reader *r, const struct reading *t, const struct vs_kvm_line *l)
{
    bool known = l->timed && !lost_since(r, t, l->cpu) && l->ps >= t->at_ps;
    return known ? l->ps - t->at_ps : VS_KVM_UNKNOWN;
}

/* The thread's last event is this one. */
static void note_event(struct reading *t, const struct vs_kvm_line *l, uint64_t line, bool outside)
{
    t->outside = outside;
    t->inside = !outside;
    t->at_ps = l->ps;
    t->at_cpu = l->cpu;
    t->at_line = line;
}

/* A guest was left. */
static bool on_exit_event(struct reader *r, const struct vs_kvm_line *l)
{
    struct vs_kvm_exits *o = r->out;
    struct vs_kvm_said said;
    if (!vs_kvm_payload_exit(l->payload, &said, &r->riscv)) {
        o->first_unknown = o->unknown++ ? o->first_unknown : o->lines;
        return true;
    }
    struct vs_kvm_thread *t = thread_of(r, l, said.vcpu);
    struct vs_kvm_exit *e = t ? new_exit(t) : NULL;
    if (!e) {
        return false;
    }
    struct reading *now = &r->reading[t - o->thread];
    t->vcpu = said.vcpu >= 0 ? said.vcpu : t->vcpu;
    if (now->inside) {
        e->guest_ps = since(r, now, l);
    }
    enum vs_kvm_vendor v = only(said.vendors);
    if (v < VS_KVM_VENDORS) {
        r->vote[v]++;
    }
    /* names that both have differ in nothing but the letters' case */
    settle(e, &said, v < VS_KVM_VENDORS ? v : VS_KVM_INTEL);
    o->exits++;
    if (!e->reason && said.name[0] && !(e->name = kept(o, said.name))) {
        return false;
    }
    note_event(now, l, o->lines, true);
    return true;
}

/* A guest was entered. */
static bool on_entry(struct reader *r, const struct vs_kvm_line *l)
{
    int64_t vcpu = vs_kvm_payload_vcpu(l->payload);
    struct vs_kvm_thread *t = thread_of(r, l, vcpu);
    if (!t) {
        return false;
    }
    struct reading *now = &r->reading[t - r->out->thread];
    t->vcpu = vcpu >= 0 ? vcpu : t->vcpu;
    t->entries++;
    if (now->outside) {
        bool lost = lost_since(r, now, l->cpu);
        t->lost += lost;
        t->exit[t->n - 1u].handler_ps = since(r, now, l);
    }
    note_event(now, l, r->out->lines, false);
    return true;
}

/* Another event of KVM's, which may say more of the exit of its thread. */
static void on_companion(struct reader *r, const struct vs_kvm_line *l)
{
    struct vs_kvm_exits *o = r->out;
    for (size_t i = o->n_threads; i-- > 0;) {
        struct reading *now = &r->reading[i];
        bool same = l->thread >= 0 ? now->key == l->thread : now->at_cpu == l->cpu;
        if (same) {
            if (now->outside && !lost_since(r, now, l->cpu)) {
                vs_kvm_payload_companion(&o->thread[i].exit[o->thread[i].n - 1u], l->event,
                                         l->payload);
            }
            return;
        }
    }
}

/* One line, which ends with a 0 byte; false: no memory. */
static bool on_line(struct reader *r, char *text)
{
    struct vs_kvm_exits *o = r->out;
    struct vs_kvm_line l;
    o->lines++;
    switch (vs_kvm_line(text, &l)) {
    case VS_KVM_LOST:
        o->first_loss = o->losses++ ? o->first_loss : o->lines;
        if ((unsigned)l.cpu < PROCESSORS) {
            r->lost[l.cpu] = o->lines;
        } else {
            r->lost_anywhere = o->lines;
        }
        return true;
    case VS_KVM_FOREIGN:
        o->first_foreign = o->foreign++ ? o->first_foreign : o->lines;
        return true;
    case VS_KVM_NOTE:
        return true;
    case VS_KVM_EVENT:
        break;
    }
    if (!strcmp(l.event, "kvm_exit")) {
        o->ticks = o->ticks || !l.timed;
        return on_exit_event(r, &l);
    }
    if (!strcmp(l.event, "kvm_entry")) {
        return on_entry(r, &l);
    }
    if (!strncmp(l.event, "kvm_", 4) && strncmp(l.event, "kvm_nested", 10) != 0) {
        on_companion(r, &l);
    }
    return true;
}

/* Lines up to the end of the input; false: no memory. Damage ends it where it stands. */
static bool read_lines(struct reader *r)
{
    struct vs_trace_stream *in = &r->in;
    char line[LINE];
    for (;;) {
        uint8_t *begin = in->buf + in->pos;
        uint8_t *end = memchr(begin, '\n', in->len - in->pos);
        size_t n = end ? (size_t)(end - begin) : in->len - in->pos;
        if (!end) {
            enum vs_trace_fill more = vs_trace_stream_fill(in);
            if (more == VS_TRACE_FILL_MORE) {
                continue;
            }
            if (more != VS_TRACE_FILL_FULL && !n) {
                return true;
            }
            begin = in->buf + in->pos; /* the last line has no end, or is none of a text */
            n = in->len - in->pos;
            r->out->cut = more != VS_TRACE_FILL_FULL;
        }
        size_t room = n < LINE - 1u ? n : LINE - 1u;
        memcpy(line, begin, room);
        room -= room && line[room - 1u] == '\r';
        line[room] = 0;
        for (char *zero = line; (zero = memchr(zero, 0, room - (size_t)(zero - line)));) {
            *zero = '?'; /* no text: the line is none of these */
        }
        in->pos += n + (end != NULL);
        if (!on_line(r, line)) {
            return false;
        }
    }
}

/* Once all is read: exits whose names both vendors of x86 have. */
static void decide(struct reader *r)
{
    struct vs_kvm_exits *o = r->out;
    unsigned best = VS_KVM_INTEL;
    for (unsigned v = 0; v < VS_KVM_VENDORS; v++) {
        best = r->vote[v] > r->vote[best] ? v : best;
    }
    o->vendor = (enum vs_kvm_vendor)best;
    o->either = !r->vote[best];
    for (size_t i = 0; i < o->n_threads && best != VS_KVM_INTEL; i++) {
        for (size_t k = 0; k < o->thread[i].n; k++) {
            struct vs_kvm_exit *e = &o->thread[i].exit[k];
            if (!e->reason || e->reason->vendor != o->vendor) {
                const struct vs_kvm_reason *same = e->number != VS_KVM_UNKNOWN || !e->reason
                                                       ? vs_kvm_by_number(o->vendor, e->number)
                                                       : vs_kvm_by_name(o->vendor, e->reason->name);
                e->reason = same;
                e->trap = same ? (uint8_t)same->trap : VS_TRAP_N;
                e->x86 = same ? same->x86 : VS_X86_NONE;
            }
        }
    }
}

/* What is wrong with the whole, or VS_OK. */
static enum vs_status judge(const struct reader *r, const char *name, char *err, size_t bytes)
{
    const struct vs_kvm_exits *o = r->out;
    if (r->riscv) {
        snprintf(
            err, bytes,
            "%s: exits of a RISC-V host; no machine is one: traces of Intel, AMD and Arm hosts "
            "are replayed",
            name);
    } else if (!o->exits && r->in.failed) {
        snprintf(err, bytes, "%s: %s", name, r->in.error);
    } else if (!o->exits) {
        snprintf(err, bytes,
                 "%s: no event kvm_exit in %" PRIu64
                 " lines; record kvm:kvm_exit and kvm:kvm_entry, best kvm:*",
                 name, o->lines);
    } else {
        return VS_OK;
    }
    return VS_E_INPUT;
}

/* Reads what the stream has. */
static enum vs_status read_all(struct reader *r, bool opened, const char *name, char *err,
                               size_t bytes)
{
    enum vs_status st = VS_E_INPUT;
    if (!opened) {
        snprintf(err, bytes, "%s: %s", name, r->in.error);
    } else if (!read_lines(r)) {
        snprintf(err, bytes, "%s: not enough memory for its exits", name);
        st = VS_E_NOMEM;
    } else {
        decide(r);
        r->out->cut = r->out->cut || r->in.failed;
        r->out->hash = vs_trace_stream_hash(&r->in);
        snprintf(r->out->compression, sizeof r->out->compression, "%s",
                 vs_trace_stream_codec(&r->in));
        st = judge(r, name, err, bytes);
    }
    vs_trace_stream_close(&r->in);
    free(r->reading);
    free(r);
    return st;
}

/* A reader with nothing read; NULL: no memory. */
static struct reader *begin(struct vs_kvm_exits *out, char *err, size_t bytes)
{
    struct reader *r = calloc(1, sizeof *r);
    memset(out, 0, sizeof *out);
    if (!r) {
        snprintf(err, bytes, "not enough memory to read a trace");
        return NULL;
    }
    r->in.fd = -1;
    r->out = out;
    return r;
}

enum vs_status vs_kvm_read(const char *path, struct vs_kvm_exits *out, char *err, size_t err_bytes)
{
    struct reader *r = begin(out, err, err_bytes);
    if (!r) {
        return VS_E_NOMEM;
    }
    int fd = strcmp(path, "-") != 0 ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (fd < 0) {
        snprintf(err, err_bytes, "%s: %s", path, strerror(errno));
        free(r);
        return VS_E_INPUT;
    }
    return read_all(r, vs_trace_stream_open_fd(&r->in, fd), path, err, err_bytes);
}

enum vs_status vs_kvm_read_memory(const void *data, size_t bytes, struct vs_kvm_exits *out,
                                  char *err, size_t err_bytes)
{
    struct reader *r = begin(out, err, err_bytes);
    if (!r) {
        return VS_E_NOMEM;
    }
    return read_all(r, vs_trace_stream_open_memory(&r->in, data, bytes), "memory", err, err_bytes);
}

/* Some line of the text, which ends at the first 0 byte, is an event of KVM's. */
static bool holds_event(char *text)
{
    struct vs_kvm_line l;
    for (char *line = text, *end; line; line = end ? end + 1 : NULL) {
        end = strchr(line, '\n');
        if (end) {
            *end = 0;
        }
        if (strlen(line) < LINE && vs_kvm_line(line, &l) == VS_KVM_EVENT &&
            !strncmp(l.event, "kvm_", 4)) {
            return true;
        }
    }
    return false;
}

bool vs_kvm_is(const char *path)
{
    struct vs_trace_stream in = {.fd = -1};
    int fd = strcmp(path, "-") != 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) {
        return false;
    }
    bool found = vs_trace_stream_open_fd(&in, fd) &&
                 vs_trace_stream_fill(&in) == VS_TRACE_FILL_MORE && holds_event((char *)in.buf);
    vs_trace_stream_close(&in);
    return found;
}

void vs_kvm_free(struct vs_kvm_exits *e)
{
    for (size_t i = 0; i < e->n_threads; i++) {
        free(e->thread[i].exit);
    }
    for (size_t i = 0; i < e->n_names; i++) {
        free(e->name[i]);
    }
    free(e->name);
    free(e->thread);
    *e = (struct vs_kvm_exits){0};
}
