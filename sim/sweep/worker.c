/* SPDX-License-Identifier: MIT */
#include "sweep/worker.h"

#include "lua/watch.h"
#include "sweep/identity.h"
#include "trace/memo.h"
#include "virtsim/leftover.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif

/* A block as large is fresh from the system, which has cleared it, after the first point as before
 * it. */
#define FRESH_BYTES (256 << 10)

bool vs_worker_read(int fd, void *out, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t r = read(fd, (char *)out + done, bytes - done);
        if (r == 0 || (r < 0 && errno != EINTR)) {
            return false;
        }
        done += r > 0 ? (size_t)r : 0;
    }
    return true;
}

bool vs_worker_write(int fd, const void *data, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t w = send(fd, (const char *)data + done, bytes - done, MSG_NOSIGNAL);
        if (w <= 0 && errno != EINTR) {
            return false;
        }
        done += w > 0 ? (size_t)w : 0;
    }
    return true;
}

/* For who is ended by the watchdog's last resort: where it says so, and of which point. */
static struct {
    int fd;
    uint64_t point;
} last;

/* Runs in a signal handler. */
static void last_words(const char *line, size_t bytes, bool started)
{
    struct vs_worker_head head = {last.point, VS_E_RUN, bytes, 0, 1};
    (void)started;
    (void)(vs_worker_write(last.fd, &head, sizeof head) &&
           vs_worker_write(last.fd, line, bytes)); /* otherwise there is nobody left to tell */
    vs_leftover_remove();
    _exit(1);
}

/* What plain `run` refuses when the guest asks for more than the machine has: up to the first
 * request that takes time. Then, what the point is. */
static enum vs_status check(struct vs_point *p, struct vs_bytes *out, struct vs_errors *e)
{
    struct vs_session *session = NULL;
    struct vs_errors later = {NULL, 0};
    p->request.options.rehearse = true;
    enum vs_status st = vs_session_prepare(&p->request, &session, e);
    if (!st && vs_session_run(session, &later) == VS_E_BOUNDS) {
        st = VS_E_BOUNDS;
        for (size_t i = 0; i < later.n; i++) {
            vs_error(e, "%s", later.text[i]);
        }
    }
    vs_errors_free(&later);
    if (!st) {
        out->n = out->room = VS_IDENTITY_BYTES;
        out->at = malloc(out->n);
        st = out->at ? vs_identity(session, &p->request, out->at, e) : VS_E_NOMEM;
    }
    vs_session_close(session);
    return st;
}

/* Runs one point and packs its results for the process that owns the database. */
static enum vs_status run(struct vs_point *p, struct vs_bytes *out, struct vs_errors *e)
{
    struct vs_session *session = NULL;
    enum vs_status st = vs_session_prepare(&p->request, &session, e);
    st = st ? st : vs_session_run(session, e);
    st = st ? st : vs_session_pack(session, out, e);
    vs_session_close(session);
    return st;
}

/* All messages, a line each. */
static char *lines_of(const struct vs_errors *e, size_t *bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n; i++) {
        n += strlen(e->text[i]) + 1;
    }
    char *text = malloc(n + 1), *at = text;
    for (size_t i = 0; text && i < e->n; i++) {
        size_t len = strlen(e->text[i]);
        memcpy(at, e->text[i], len);
        at[len] = '\n';
        at += len + 1;
    }
    *bytes = text ? n : 0;
    return text;
}

/* Works on one task and writes the answer; false when the other end is gone. */
static bool answer(const struct vs_pool_work *work, const struct vs_worker_task *task, int fd)
{
    static struct vs_point p;
    struct vs_errors e = {NULL, 0};
    struct vs_bytes out = {NULL, 0, 0};
    enum vs_status st = VS_E_INPUT;
    last.point = task->point;
    if (!work->make(work->ctx, task->point, &p)) {
        p.label[0] = '\0';
        vs_error(&e, "a point's values take more than the %zu characters for them", sizeof p.text);
    } else {
        st = task->verb == VS_POOL_CHECK ? check(&p, &out, &e) : run(&p, &out, &e);
    }
    struct vs_worker_head head = {task->point, st, 0, st ? 0 : out.n, 0};
    char *text = lines_of(&e, &head.text_bytes);
    bool good = vs_worker_write(fd, &head, sizeof head) &&
                vs_worker_write(fd, text, head.text_bytes) &&
                vs_worker_write(fd, out.at, head.bytes);
    free(text);
    free(out.at);
    vs_errors_free(&e);
    return good;
}

/* A child whose parent dies has nobody to work for. */
static void follow(pid_t parent)
{
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    if (getppid() != parent) {
        _exit(1);
    }
}

_Noreturn void vs_worker_serve(const struct vs_pool_work *work, pid_t parent, int fd)
{
    struct vs_worker_task task;
    follow(parent);
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, FRESH_BYTES);
#endif
    vs_trace_memo_begin();
    vs_session_keep_machines();
    last.fd = fd;
    vs_watch_at_last(last_words);
    while (vs_worker_read(fd, &task, sizeof task) && answer(work, &task, fd)) {
    }
    _exit(0);
}
