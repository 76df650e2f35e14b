/* SPDX-License-Identifier: MIT */
/*
 * The kernel that a machine names. SystemC lies in a shared module of its own that is opened when
 * the first machine asks for it: its library has more names to resolve than all of the program. The
 * module is found by the program's run path.
 */
#define _GNU_SOURCE /* RTLD_DEEPBIND */
#include "kernel.h"

#include "functions.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * SystemC's own names are looked for in SystemC first, not in all libraries of the program; a
 * sanitizer's runtime, which puts itself before libc, refuses that.
 */
#if defined(__SANITIZE_ADDRESS__)
#define HOW_TO_OPEN RTLD_NOW
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HOW_TO_OPEN RTLD_NOW
#endif
#endif
#if !defined(HOW_TO_OPEN)
#define HOW_TO_OPEN (RTLD_NOW | RTLD_DEEPBIND)
#endif

struct vs_kernel {
    const struct vs_kernel_functions *does;
    void *k; /* the module's */
};

/* The module's functions, opened once for the life of the process; NULL: dlerror() says why. */
static const struct vs_kernel_functions *systemc(void)
{
    static const struct vs_kernel_functions *functions;
    void *module = functions ? NULL : dlopen(VS_KERNEL_MODULE, HOW_TO_OPEN);
    if (module) {
        functions = dlsym(module, VS_KERNEL_SYMBOL);
    }
    return functions;
}

/* The functions of a kernel; NULL: the text says what is missing. */
static const struct vs_kernel_functions *functions_of(enum vs_kernel_kind kind, char *error,
                                                      size_t bytes)
{
    if (kind == VS_KERNEL_PLAIN) {
        return &vs_kernel_plain;
    }
#if defined(VS_WITHOUT_systemc)
    snprintf(error, bytes,
             "sim.kernel: this program was built without SystemC (-DVIRTSIM_WITHOUT=systemc); "
             "sim.kernel = plain gives the same results");
    return NULL;
#endif
    const struct vs_kernel_functions *does = systemc();
    if (!does) {
        const char *why = dlerror();
        snprintf(error, bytes,
                 "sim.kernel = systemc needs %s, the program's module with SystemC in it, which "
                 "cannot be loaded: install the program as a whole, with cmake --install, or set "
                 "sim.kernel = plain, which gives the same results (%s)",
                 VS_KERNEL_MODULE, why ? why : "it is another program's");
    }
    return does;
}

struct vs_kernel *vs_kernel_create(enum vs_kernel_kind kind, char *error, size_t bytes)
{
    const struct vs_kernel_functions *does = functions_of(kind, error, bytes);
    if (!does) {
        return NULL;
    }
    struct vs_kernel *made = malloc(sizeof *made);
    void *k = made ? does->create() : NULL;
    if (!k) {
        free(made);
        snprintf(error, bytes, "out of memory");
        return NULL;
    }
    *made = (struct vs_kernel){does, k};
    return made;
}

bool vs_kernel_add(struct vs_kernel *k, const struct vs_agent *agent, unsigned *number)
{
    return k->does->add(k->k, agent, number);
}

void vs_kernel_wake(struct vs_kernel *k, unsigned agent, uint64_t at_ps)
{
    k->does->wake(k->k, agent, at_ps);
}

bool vs_kernel_run(struct vs_kernel *k, char *error, size_t bytes)
{
    return k->does->run(k->k, error, bytes);
}

void vs_kernel_stop(struct vs_kernel *k)
{
    k->does->stop(k->k);
}

void vs_kernel_destroy(struct vs_kernel *k)
{
    if (k) {
        k->does->destroy(k->k);
        free(k);
    }
}
