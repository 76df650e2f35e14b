/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* MAP_ANONYMOUS, MAP_STACK */
#include "fiber.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

/* Bytes, most of which are never touched. A script's calls of C nest 200 deep (LUAI_MAXCCALLS). */
#define STACK ((size_t)1 << 20)

/* AddressSanitizer has to be told which stack is used. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VS_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(VS_ASAN)
#include <sanitizer/common_interface_defs.h>
#define LEAVES(keep, to, bytes) __sanitizer_start_switch_fiber(keep, to, bytes)
#define IS_THERE(kept, from, bytes) __sanitizer_finish_switch_fiber(kept, from, bytes)
#else
#define LEAVES(keep, to, bytes) ((void)(keep), (void)(to), (void)(bytes))
#define IS_THERE(kept, from, bytes) ((void)(kept), (void)(from), (void)(bytes))
#endif

struct vs_fiber {
    ucontext_t caller, own;
    void *memory; /* its stack, above a page that nobody may touch */
    size_t page;
    void (*work)(void *ctx);
    void *ctx;
    bool paused;
    void *caller_kept, *own_kept; /* AddressSanitizer's */
    const void *caller_stack;
    size_t caller_bytes;
};

static _Thread_local struct vs_fiber *entered; /* whose stack is used for the first time */

/* From its stack to that of whoever runs it, and back. */
static void leave(struct vs_fiber *f)
{
    LEAVES(&f->own_kept, f->caller_stack, f->caller_bytes);
    (void)swapcontext(&f->own, &f->caller);
    IS_THERE(f->own_kept, &f->caller_stack, &f->caller_bytes);
}

/* All that is done there: one piece of work after the other. */
static void body(void)
{
    struct vs_fiber *f = entered;
    IS_THERE(NULL, &f->caller_stack, &f->caller_bytes);
    for (;;) {
        f->work(f->ctx);
        leave(f);
    }
}

/* Whatever is done there begins with `body`. */
static __attribute__((noinline)) bool begin(ucontext_t *c, void *stack)
{
    if (getcontext(c)) {
        return false;
    }
    c->uc_stack.ss_sp = stack;
    c->uc_stack.ss_size = STACK;
    c->uc_link = NULL;
    makecontext(c, body, 0);
    return true;
}

struct vs_fiber *vs_fiber_create(void)
{
    struct vs_fiber *f = calloc(1, sizeof *f);
    long page = sysconf(_SC_PAGESIZE);
    if (!f || page <= 0) {
        free(f);
        return NULL;
    }
    f->page = (size_t)page;
    f->memory = mmap(NULL, f->page + STACK, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    f->memory = f->memory == MAP_FAILED ? NULL : f->memory;
    if (!f->memory || mprotect(f->memory, f->page, PROT_NONE) ||
        !begin(&f->own, (char *)f->memory + f->page)) {
        vs_fiber_destroy(f);
        return NULL;
    }
    return f;
}

void vs_fiber_destroy(struct vs_fiber *f)
{
    if (f && f->memory) {
        (void)munmap(f->memory, f->page + STACK);
    }
    free(f);
}

bool vs_fiber_run(struct vs_fiber *f, void (*work)(void *ctx), void *ctx)
{
    if (!f->paused) {
        f->work = work;
        f->ctx = ctx;
    }
    f->paused = false;
    entered = f;
    LEAVES(&f->caller_kept, f->own.uc_stack.ss_sp, STACK);
    (void)swapcontext(&f->caller, &f->own);
    IS_THERE(f->caller_kept, NULL, NULL);
    return !f->paused;
}

void vs_fiber_pause(struct vs_fiber *f)
{
    f->paused = true;
    leave(f);
}

bool vs_fiber_paused(const struct vs_fiber *f)
{
    return f->paused;
}
