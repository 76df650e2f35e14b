/* SPDX-License-Identifier: MIT */
/* One worker of a pool: a process that makes points until its parent has no more. */
#ifndef VIRTSIM_SIM_SWEEP_WORKER_H
#define VIRTSIM_SIM_SWEEP_WORKER_H

#include "sweep/pool.h"

#include <sys/types.h>

/* What the parent asks for. */
struct vs_worker_task {
    uint64_t verb, point;
};

/* What comes before the text and the bytes of an answer. */
struct vs_worker_head {
    uint64_t point, status, text_bytes, bytes;
    uint64_t last; /* the worker ends after it */
};

/* Reads or writes all of it, a socket; false: the other end is gone. */
bool vs_worker_read(int fd, void *out, size_t bytes);
bool vs_worker_write(int fd, const void *data, size_t bytes);
/* The life of a worker: tasks from its parent, answers to it. */
_Noreturn void vs_worker_serve(const struct vs_pool_work *work, pid_t parent, int fd);

#endif
