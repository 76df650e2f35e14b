/* SPDX-License-Identifier: MIT */
#include "sweep/pool.h"

#include "lua/watch.h"
#include "sweep/folder.h"
#include "virtsim/ending.h"
#include "virtsim/leftover.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#define MESSAGE_MAX 3000u
#define REFUSED_POINT                                                                              \
    3 /* status of a worker whose guest asked for what the machine does not have */

static void send_errors(int fd, const char *label, struct vs_errors *e)
{
    char text[MESSAGE_MAX];
    size_t at = 0;
    for (size_t i = 0; i < e->n && at < sizeof text - 1; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s%s\n", label, *label ? ": " : "",
                               e->text[i]);
    }
    at = at < sizeof text ? at : sizeof text - 1;
    for (size_t done = 0; done < at;) {
        ssize_t w = write(fd, text + done, at - done);
        if (w <= 0 && errno != EINTR) {
            break;
        }
        done += w > 0 ? (size_t)w : 0;
    }
}

/* Where a child that is ended by the watchdog's last resort says so, and for which point. */
static int last_fd;
static const char *last_label;

/* Runs in a signal handler. */
static void last_words(const char *line, size_t bytes, bool started)
{
    (void)started;
    ssize_t w = write(last_fd, last_label, strlen(last_label));
    w = *last_label ? write(last_fd, ": ", 2) : w;
    w = write(last_fd, line, bytes);
    (void)w; /* there is nobody left to tell */
    vs_leftover_remove();
    _exit(1);
}

/* From here on the watchdog of this process ends it so. */
static void tell_last(int fd, const char *label)
{
    last_fd = fd;
    last_label = label;
    vs_watch_at_last(last_words);
}

static void receive_errors(int fd, struct vs_errors *errors)
{
    char text[MESSAGE_MAX + 1];
    size_t at = 0;
    ssize_t r;
    while (at < MESSAGE_MAX &&
           ((r = read(fd, text + at, MESSAGE_MAX - at)) > 0 || (r < 0 && errno == EINTR))) {
        at += r > 0 ? (size_t)r : 0;
    }
    text[at] = '\0';
    for (char *line = text; *line;) {
        char *end = strchr(line, '\n');
        size_t len = end ? (size_t)(end - line) : strlen(line);
        vs_error(errors, "%.*s", (int)len, line);
        line += len + (end != NULL);
    }
}

struct worker {
    pid_t pid;
    int fd; /* its error messages */
    size_t point;
};

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

/* What plain `run` refuses when the guest asks for more than the machine has: up to the first
 * request that takes time. */
static enum vs_status rehearse(struct vs_point *p, struct vs_errors *e)
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
    vs_session_close(session);
    return st;
}

/* Why points are refused: what several of them have in common is said once. */
#define REFUSED 10u /* points looked at further, and messages kept */
struct refusal {
    char text[MESSAGE_MAX / 2u];
    char label[sizeof((struct vs_point *)0)->label];
    unsigned points;
};
static void refuse(struct refusal r[REFUSED], size_t *n, const char *label,
                   const struct vs_errors *e)
{
    for (size_t i = 0; i < e->n; i++) {
        size_t k = 0;
        while (k < *n && strncmp(r[k].text, e->text[i], sizeof r[k].text - 1) != 0) {
            k++;
        }
        if (k == REFUSED) {
            return;
        }
        if (k == *n) {
            snprintf(r[k].text, sizeof r[k].text, "%s", e->text[i]);
            snprintf(r[k].label, sizeof r[k].label, "%s", label);
            ++*n;
        }
        r[k].points++;
    }
}

static void tell(int fd, const struct refusal r[REFUSED], size_t n)
{
    struct vs_errors e = {NULL, 0};
    for (size_t k = 0; k < n; k++) {
        const char *label = r[k].points > 1 ? "several points" : r[k].label;
        vs_error(&e, "%s%s%s", label, *label ? ": " : "", r[k].text);
    }
    send_errors(fd, "", &e);
    vs_errors_free(&e);
}

enum vs_status vs_pool_check(const struct vs_pool *s, struct vs_errors *errors)
{
    size_t n = s->n;
    /* in a child: a platform is made and unmade for each point, and the parent stays clean */
    int fd[2];
    if (pipe(fd)) {
        vs_error(errors, "cannot make a pipe");
        return VS_E_IO;
    }
    fflush(NULL);
    signal(SIGCHLD, SIG_DFL); /* ignored, which is inherited, it hides how a child ended */
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        vs_ending_child();
        close(fd[0]);
        follow(parent);
        static struct vs_point p;
        static struct refusal why[REFUSED];
        size_t bad = 0, reasons = 0;
        tell_last(fd[1], p.label);
        for (size_t i = 0; i < n && bad < REFUSED; i++) {
            struct vs_errors e = {NULL, 0};
            bool made = s->make(s->ctx, i, &p);
            if (!made) {
                p.label[0] = '\0';
                vs_error(&e, "a point's values take more than the %zu characters for them",
                         sizeof p.text);
            }
            if (!made || rehearse(&p, &e)) {
                bad++;
                refuse(why, &reasons, p.label, &e);
            }
            vs_errors_free(&e);
        }
        tell(fd[1], why, reasons);
        _exit(bad ? 1 : 0);
    }
    close(fd[1]);
    size_t before = errors->n;
    receive_errors(fd[0], errors);
    close(fd[0]);
    int status = 0;
    pid_t ended = -1;
    while (child > 0 && (ended = waitpid(child, &status, 0)) < 0 && errno == EINTR) {
    }
    if (ended < 0 || !WIFEXITED(status) || WEXITSTATUS(status)) {
        if (errors->n == before) {
            vs_error(errors, "checking the points failed");
        }
        return VS_E_INPUT;
    }
    return VS_OK;
}

/* A signal that ends the sweep ends its workers; what they left is removed, then it takes effect.
 */
static struct worker *ending_workers;
static unsigned n_ending_workers;

static void end_workers(void)
{
    for (unsigned i = 0; i < n_ending_workers; i++) {
        if (ending_workers[i].pid > 0) {
            kill(ending_workers[i].pid, SIGKILL);
        }
    }
}

static void block(sigset_t *before)
{
    sigset_t set;
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, before);
}

static void point_path(const char *folder, size_t i, char *out, size_t bytes)
{
    snprintf(out, bytes, "%s/%zu.db", folder, i);
}

static _Noreturn void work(const struct vs_pool *s, size_t i, const char *folder, int fd)
{
    static struct vs_point p;
    struct vs_errors e = {NULL, 0};
    char path[4200], err[5200];
    struct vs_session *session = NULL;
    struct vs_db *db = NULL;
    int64_t run;
    tell_last(fd, p.label);
    enum vs_status st =
        s->make(s->ctx, i, &p) ? vs_session_prepare(&p.request, &session, &e) : VS_E_INPUT;
    st = st ? st : vs_session_run(session, &e);
    point_path(folder, i, path, sizeof path);
    if (!st && (st = vs_db_open(path, true, &db, err, sizeof err))) {
        vs_error(&e, "%s", err);
    }
    st = st ? st : vs_session_store(session, db, &run, &e);
    vs_db_close(db);
    if (st) {
        send_errors(fd, p.label, &e);
    }
    _exit(st == VS_E_BOUNDS ? REFUSED_POINT : st ? 1 : 0);
}

static bool start(const struct vs_pool *s, size_t i, const char *folder, struct worker *w)
{
    int fd[2];
    if (pipe(fd)) {
        return false;
    }
    fflush(NULL);
    sigset_t before;
    block(&before); /* until the worker is known, and in it */
    pid_t parent = getpid(), pid = vs_ending_came() ? -1 : fork();
    if (pid == 0) {
        vs_ending_child();
        sigprocmask(SIG_SETMASK, &before, NULL);
        close(fd[0]);
        follow(parent);
        work(s, i, folder, fd[1]);
    }
    close(fd[1]);
    if (pid < 0) {
        close(fd[0]);
    } else {
        *w = (struct worker){pid, fd[0], i};
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return pid > 0;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* What a message calls a point: the values it has. */
static const char *name_of(const struct vs_pool *s, size_t i)
{
    static struct vs_point p;
    return s->make(s->ctx, i, &p) && *p.label ? p.label : "the run";
}

/* One worker's end; true when its point succeeded. SIZE_MAX: it was none of these. */
static bool finish(const struct vs_pool *s, struct worker *w, unsigned *running,
                   struct vs_errors *errors, size_t *point, size_t *refused)
{
    int status;
    pid_t pid;
    *point = SIZE_MAX;
    while ((pid = waitpid(-1, &status, 0)) < 0 && errno == EINTR) {
    }
    if (pid < 0) {
        vs_error(errors, "waiting for the workers: %s", strerror(errno));
        *running = 0;
        return false;
    }
    for (unsigned i = 0; i < s->jobs; i++) {
        if (w[i].pid == pid) {
            size_t before = errors->n;
            receive_errors(w[i].fd, errors);
            close(w[i].fd);
            *point = w[i].point;
            w[i].pid = 0;
            --*running;
            bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
            *refused += WIFEXITED(status) && WEXITSTATUS(status) == REFUSED_POINT;
            if (!good && errors->n == before && !vs_ending_came()) {
                vs_error(errors,
                         WIFSIGNALED(status) ? "%s: its process was killed by signal %d"
                                             : "%s: its process failed (%d)",
                         name_of(s, w[i].point),
                         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
            }
            return good;
        }
    }
    return false;
}

/* Results whose predecessors have ended, in the order of points. */
static enum vs_status append(struct vs_db *db, const char *folder, size_t n,
                             const signed char *state, size_t *merged, struct vs_errors *errors)
{
    for (; *merged < n && state[*merged]; ++*merged) {
        char path[4200];
        point_path(folder, *merged, path, sizeof path);
        if (state[*merged] > 0 && vs_db_merge(db, path)) {
            vs_error(errors, "%s", vs_db_error(db));
            return VS_E_IO;
        }
        unlink(path);
    }
    return VS_OK;
}

static enum vs_status run_all(const struct vs_pool *s, struct worker *w, signed char *state,
                              const char *folder, struct vs_db *db, struct vs_errors *errors)
{
    size_t started = 0, ended = 0, merged = 0, refused = 0;
    unsigned running = 0;
    double t0 = now_s();
    while (ended < s->n && !vs_ending_came()) {
        for (unsigned i = 0; i < s->jobs && started < s->n; i++) {
            if (!w[i].pid && start(s, started, folder, &w[i])) {
                started++;
                running++;
            }
        }
        if (!running) {
            if (!vs_ending_came()) {
                vs_error(errors, "cannot start a worker process");
            }
            return VS_E_RUN;
        }
        size_t point;
        bool good = finish(s, w, &running, errors, &point, &refused);
        if (point == SIZE_MAX) {
            if (!running) {
                return VS_E_RUN;
            }
            continue;
        }
        state[point] = good ? 1 : -1;
        ended++;
        enum vs_status st = append(db, folder, s->n, state, &merged, errors);
        if (st) {
            return st;
        }
        if (s->progress) {
            s->progress(s->progress_ctx, ended, s->n, now_s() - t0);
        }
    }
    return s->n && refused == s->n ? VS_E_BOUNDS : VS_OK;
}

enum vs_status vs_pool_run(const struct vs_pool *asked, struct vs_db *db, const char *db_path,
                           int64_t *first, struct vs_errors *errors)
{
    struct vs_pool pool = *asked;
    pool.jobs = pool.jobs ? pool.jobs : 1;
    struct vs_sweep_folder folder = {.lock = -1};
    struct worker *w = calloc(pool.jobs, sizeof *w);
    signed char *state = calloc(pool.n, 1); /* 0 open, 1 done, -1 failed */
    enum vs_status st = VS_OK;
    double last = 0;
    bool any;
    signal(SIGCHLD, SIG_DFL); /* ignored, which is inherited, it hides how a worker ended */
    vs_sweep_folder_clear(db_path);
    ending_workers = w;
    n_ending_workers = w ? pool.jobs : 0;
    vs_ending_hold(end_workers);
    if (!w || !state || !vs_sweep_folder_make(&folder, db_path)) {
        vs_error(errors, "%s.sweep-...: cannot make a folder for the workers' results", db_path);
        st = VS_E_IO;
    } else if (vs_db_number(db, "SELECT coalesce(max(run), 0) + 1 FROM run", 0, 0, &last, &any)) {
        vs_error(errors, "%s", vs_db_error(db));
        st = VS_E_IO;
    }
    *first = (int64_t)last;
    st = st ? st : run_all(&pool, w, state, folder.path, db, errors);
    for (unsigned i = 0; w && i < pool.jobs; i++) {
        if (w[i].pid > 0) {
            kill(w[i].pid, SIGTERM);
            waitpid(w[i].pid, NULL, 0);
            close(w[i].fd);
            w[i].pid = 0;
        }
    }
    vs_sweep_folder_remove(&folder);
    n_ending_workers = 0;
    free(w);
    free(state);
    vs_ending_release();
    return st ? st : errors->n ? VS_E_RUN : VS_OK;
}
