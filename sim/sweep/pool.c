/* SPDX-License-Identifier: MIT */
#include "sweep/pool.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_MAX 3000u

static void send_errors(int fd, const char *label, struct vs_errors *e)
{
    char text[MESSAGE_MAX];
    size_t at = 0;
    for (size_t i = 0; i < e->n && at < sizeof text - 1; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%s: %s\n", label, e->text[i]);
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
    pid_t child = fork();
    if (child == 0) {
        close(fd[0]);
        static struct vs_point p;
        int bad = 0;
        for (size_t i = 0; i < n && bad < 10; i++) {
            struct vs_errors e = {NULL, 0};
            struct vs_session *session = NULL;
            if (!s->make(s->ctx, i, &p) || vs_session_prepare(&p.request, &session, &e)) {
                bad++;
                send_errors(fd[1], p.label, &e);
            }
            vs_session_close(session);
            vs_errors_free(&e);
        }
        _exit(bad ? 1 : 0);
    }
    close(fd[1]);
    size_t before = errors->n;
    receive_errors(fd[0], errors);
    close(fd[0]);
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (child < 0 || !WIFEXITED(status) || WEXITSTATUS(status)) {
        if (errors->n == before) {
            vs_error(errors, "checking the points failed");
        }
        return VS_E_INPUT;
    }
    return VS_OK;
}

struct worker {
    pid_t pid;
    int fd; /* its error messages */
    size_t point;
};

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
    _exit(st ? 1 : 0);
}

static bool start(const struct vs_pool *s, size_t i, const char *folder, struct worker *w)
{
    int fd[2];
    if (pipe(fd)) {
        return false;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(fd[0]);
        work(s, i, folder, fd[1]);
    }
    close(fd[1]);
    if (pid < 0) {
        close(fd[0]);
        return false;
    }
    *w = (struct worker){pid, fd[0], i};
    return true;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* One worker's end; true when its point succeeded. */
static bool finish(struct worker *w, unsigned *running, unsigned n_workers,
                   struct vs_errors *errors, size_t *point)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, 0)) < 0 && errno == EINTR) {
    }
    for (unsigned i = 0; i < n_workers; i++) {
        if (w[i].pid == pid && pid > 0) {
            size_t before = errors->n;
            receive_errors(w[i].fd, errors);
            close(w[i].fd);
            *point = w[i].point;
            w[i].pid = 0;
            --*running;
            bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
            if (!good && errors->n == before) {
                vs_error(errors,
                         WIFSIGNALED(status) ? "point %zu: its process was killed by signal %d"
                                             : "point %zu: its process failed (%d)",
                         w[i].point, WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
            }
            return good;
        }
    }
    *point = SIZE_MAX;
    return false;
}

enum vs_status vs_pool_run(const struct vs_pool *s, struct vs_db *db, const char *db_path,
                           int64_t *first, struct vs_errors *errors)
{
    size_t n = s->n, started = 0, ended = 0, merged = 0;
    unsigned jobs = s->jobs ? s->jobs : 1, running = 0;
    char folder[4150];
    snprintf(folder, sizeof folder, "%s.sweep-XXXXXX", db_path);
    struct worker *w = calloc(jobs, sizeof *w);
    signed char *state = calloc(n, 1); /* 0 open, 1 done, -1 failed */
    bool made = w && state && mkdtemp(folder);
    enum vs_status st = VS_OK;
    double t0 = now_s(), last = 0;
    bool any;
    if (!made) {
        vs_error(errors, "%s: cannot make a folder for the workers' results", folder);
        st = VS_E_IO;
    } else if (vs_db_number(db, "SELECT coalesce(max(run), 0) + 1 FROM run", 0, 0, &last, &any)) {
        vs_error(errors, "%s", vs_db_error(db));
        st = VS_E_IO;
    }
    *first = (int64_t)last;
    while (!st && ended < n) {
        for (unsigned i = 0; i < jobs && started < n; i++) {
            if (!w[i].pid && start(s, started, folder, &w[i])) {
                started++;
                running++;
            }
        }
        if (!running) {
            vs_error(errors, "cannot start a worker process");
            st = VS_E_RUN;
            break;
        }
        size_t point;
        bool good = finish(w, &running, jobs, errors, &point);
        if (point == SIZE_MAX) {
            continue;
        }
        state[point] = good ? 1 : -1;
        ended++;
        for (; !st && merged < n && state[merged]; merged++) {
            char path[4200];
            point_path(folder, merged, path, sizeof path);
            if (state[merged] > 0 && vs_db_merge(db, path)) {
                vs_error(errors, "%s", vs_db_error(db));
                st = VS_E_IO;
            }
            unlink(path);
        }
        if (s->progress) {
            s->progress(s->progress_ctx, ended, n, now_s() - t0);
        }
    }
    for (unsigned i = 0; w && i < jobs; i++) {
        if (w[i].pid > 0) {
            kill(w[i].pid, SIGTERM);
            waitpid(w[i].pid, NULL, 0);
            close(w[i].fd);
        }
    }
    for (size_t i = merged; made && i < n; i++) {
        char path[4200];
        point_path(folder, i, path, sizeof path);
        unlink(path);
    }
    if (made) {
        rmdir(folder);
    }
    free(w);
    free(state);
    return st ? st : errors->n ? VS_E_RUN : VS_OK;
}
