/* SPDX-License-Identifier: MIT */
/* Worker processes: started, fed, heard and ended. Storing what they bring is in order.c. */
#include "sweep/pool.h"

#include "sweep/worker.h"
#include "virtsim/ending.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct worker {
    pid_t pid; /* 0: there is none */
    int fd;    /* to it and from it */
    bool busy;
    size_t point; /* that it is busy with */
};

struct vs_pool {
    struct vs_pool_work work;
    struct worker *w;
    struct pollfd *poll;
    unsigned busy;
};

/* A signal that ends the parent ends its workers first. */
static struct worker *ending_workers;
static unsigned n_ending_workers;

/* Kills all workers when the process ends by a signal. */
static void end_workers(void)
{
    for (unsigned i = 0; i < n_ending_workers; i++) {
        if (ending_workers[i].pid > 0) {
            kill(ending_workers[i].pid, SIGKILL);
        }
    }
}

struct vs_pool *vs_pool_open(const struct vs_pool_work *work, struct vs_errors *errors)
{
    struct vs_pool *p = calloc(1, sizeof *p);
    if (p) {
        p->work = *work;
        p->work.jobs = work->jobs ? work->jobs : 1;
        p->w = calloc(p->work.jobs, sizeof *p->w);
        p->poll = calloc(p->work.jobs, sizeof *p->poll);
    }
    if (!p || !p->w || !p->poll) {
        vs_error(errors, "out of memory for %u workers", work->jobs);
        if (p) {
            free(p->w);
            free(p->poll);
        }
        free(p);
        return NULL;
    }
    signal(SIGCHLD, SIG_DFL); /* ignored, which is inherited, it hides how a worker ended */
    ending_workers = p->w;
    n_ending_workers = p->work.jobs;
    vs_ending_hold(end_workers);
    return p;
}

const struct vs_pool_work *vs_pool_work(const struct vs_pool *p)
{
    return &p->work;
}

/* In the new process: the others' sockets are not its own. */
static _Noreturn void become_worker(const struct vs_pool *p, pid_t parent, int fd)
{
    for (unsigned i = 0; i < p->work.jobs; i++) {
        if (p->w[i].pid > 0) {
            close(p->w[i].fd);
        }
    }
    vs_worker_serve(&p->work, parent, fd);
}

/* Starts a worker process and the socket to it. */
static bool start(struct vs_pool *p, struct worker *w)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) {
        return false;
    }
    fflush(NULL);
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before); /* until the worker is known, and in it */
    pid_t parent = getpid(), pid = vs_ending_came() ? -1 : fork();
    if (pid == 0) {
        vs_ending_child();
        sigprocmask(SIG_SETMASK, &before, NULL);
        close(ends[0]);
        become_worker(p, parent, ends[1]);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
    } else {
        *w = (struct worker){pid, ends[0], false, 0};
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return pid > 0;
}

/* Waits for a process of ours; how it ended. */
static int reap(struct worker *w)
{
    int status = 0;
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR) {
    }
    w->pid = 0;
    close(w->fd);
    return status;
}

void vs_pool_close(struct vs_pool *p)
{
    if (!p) {
        return;
    }
    for (unsigned i = 0; i < p->work.jobs; i++) {
        struct worker *w = &p->w[i];
        if (w->pid > 0 && w->busy) {
            kill(w->pid, SIGTERM);
        }
        if (w->pid > 0) {
            shutdown(w->fd, SHUT_WR); /* an idle one ends with it */
        }
    }
    for (unsigned i = 0; i < p->work.jobs; i++) {
        if (p->w[i].pid > 0) {
            reap(&p->w[i]);
        }
    }
    n_ending_workers = 0;
    free(p->w);
    free(p->poll);
    free(p);
    vs_ending_release();
}

/* Gives a worker a point to work on, and starts the worker if it isn't there. */
static bool give(struct vs_pool *p, struct worker *w, enum vs_pool_verb verb, size_t point)
{
    struct vs_worker_task task = {verb, point};
    if (w->pid <= 0 && !start(p, w)) {
        return false;
    }
    w->busy = true;
    w->point = point;
    p->busy++;
    (void)vs_worker_write(w->fd, &task, sizeof task); /* one that is gone is met when it is heard */
    return true;
}

/* The worker's process ended without a whole answer. */
static void died(struct worker *w, struct vs_pool_answer *a)
{
    char text[80];
    int status = reap(w);
    *a = (struct vs_pool_answer){.point = w->point, .status = VS_E_RUN, .died = true};
    snprintf(text, sizeof text,
             WIFSIGNALED(status) ? "its process was killed by signal %d\n"
                                 : "its process failed (%d)\n",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    a->text = strdup(text);
}

/* Reads a worker's answer; one that is cut short means that the worker died. */
static void hear(struct vs_pool *p, struct worker *w, struct vs_pool_answer *a)
{
    struct vs_worker_head head = {0};
    bool good = vs_worker_read(w->fd, &head, sizeof head);
    *a = (struct vs_pool_answer){.point = w->point};
    if (good && head.text_bytes) {
        a->text = malloc(head.text_bytes + 1);
        good = a->text && vs_worker_read(w->fd, a->text, head.text_bytes);
        if (good) {
            a->text[head.text_bytes] = '\0';
        }
    }
    if (good && head.bytes) {
        a->bytes.at = malloc(head.bytes);
        a->bytes.n = a->bytes.room = head.bytes;
        good = a->bytes.at && vs_worker_read(w->fd, a->bytes.at, head.bytes);
    }
    p->busy--;
    w->busy = false;
    if (good) {
        a->status = (enum vs_status)head.status;
        if (head.last) {
            reap(w);
        }
    } else {
        free(a->text);
        free(a->bytes.at);
        died(w, a);
    }
}

void vs_pool_say(const struct vs_pool_answer *a, const char *label, struct vs_errors *errors)
{
    for (const char *line = a->text; line && *line;) {
        size_t len = strcspn(line, "\n");
        vs_error(errors, "%s%s%.*s", label, *label ? ": " : "", (int)len, line);
        line += len + (line[len] == '\n');
    }
}

static void (*waits_by)(void);

void vs_pool_waits_by(void (*waits)(void))
{
    waits_by = waits;
}

/* Waits until a worker has something to say; VS_E_RUN: a signal came. */
static enum vs_status wait_for_one(struct vs_pool *p, struct vs_errors *errors)
{
    for (unsigned i = 0; i < p->work.jobs; i++) {
        const struct worker *w = &p->w[i];
        p->poll[i] = (struct pollfd){w->pid > 0 && w->busy ? w->fd : -1, POLLIN, 0};
    }
    for (int n; (n = poll(p->poll, p->work.jobs, waits_by ? 1000 : -1)) <= 0;) {
        if (vs_ending_came()) {
            return VS_E_RUN;
        }
        if (!n) {
            waits_by();
        } else if (errno != EINTR) {
            vs_error(errors, "waiting for the workers: %s", strerror(errno));
            return VS_E_RUN;
        }
    }
    return vs_ending_came() ? VS_E_RUN : VS_OK;
}

enum vs_status vs_pool_each(struct vs_pool *p, enum vs_pool_verb verb,
                            bool (*next)(void *ctx, size_t *point),
                            enum vs_status (*answer)(void *ctx, struct vs_pool_answer *a),
                            void *ctx, struct vs_errors *errors)
{
    size_t point = 0;
    bool more = next(ctx, &point);
    enum vs_status st = VS_OK;
    while (!st && (more || p->busy)) {
        for (unsigned i = 0; more && i < p->work.jobs; i++) {
            if (!p->w[i].busy && give(p, &p->w[i], verb, point)) {
                more = next(ctx, &point);
            }
        }
        if (!p->busy) {
            if (!vs_ending_came()) {
                vs_error(errors, "cannot start a worker process");
            }
            return VS_E_RUN;
        }
        st = wait_for_one(p, errors);
        for (unsigned i = 0; !st && i < p->work.jobs; i++) {
            if (p->poll[i].revents) {
                struct vs_pool_answer a;
                hear(p, &p->w[i], &a);
                if (vs_ending_came()) { /* nobody takes this one */
                    free(a.text);
                    free(a.bytes.at);
                    st = VS_E_RUN;
                } else {
                    st = answer(ctx, &a);
                }
            }
        }
    }
    return st;
}
