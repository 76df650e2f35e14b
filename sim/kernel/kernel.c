/* SPDX-License-Identifier: MIT */
/*
 * SystemC lies in a shared module of its own that is opened when the first machine is made: its
 * library has more names to resolve than all of the program, which listing and showing need not
 * wait for. The module is found by the program's run path.
 */
#define _GNU_SOURCE /* RTLD_DEEPBIND */
#include "kernel.h"

#include "module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * SystemC's own names are looked for in SystemC first, not in all libraries of the program; a
 * sanitizer's runtime, which puts itself before libc, refuses that.
 */
#if defined(__SANITIZE_ADDRESS__)
#define OWN_NAMES_FIRST 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OWN_NAMES_FIRST 0
#endif
#endif
#if !defined(OWN_NAMES_FIRST)
#define OWN_NAMES_FIRST RTLD_DEEPBIND
#endif

struct vs_kernel {
    const struct vs_kernel_functions *does;
    void *k; /* the module's */
};

/* The module's functions, opened once for the life of the process; NULL: dlerror() says why. */
static const struct vs_kernel_functions *systemc(void)
{
    static const struct vs_kernel_functions *functions;
    void *module =
        functions ? NULL : dlopen(VS_KERNEL_MODULE, RTLD_NOW | RTLD_LOCAL | OWN_NAMES_FIRST);
    if (module) {
        functions = dlsym(module, VS_KERNEL_SYMBOL);
    }
    return functions;
}

struct vs_kernel *vs_kernel_create(char *error, size_t bytes)
{
    const struct vs_kernel_functions *does = systemc();
    if (!does) {
        const char *why = dlerror();
        snprintf(error, bytes,
                 "a run needs %s, the program's module with SystemC in it, which cannot be loaded "
                 "(%s); install the program as a whole, with cmake --install",
                 VS_KERNEL_MODULE, why ? why : "it is another program's");
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

unsigned vs_kernel_add(struct vs_kernel *k, const struct vs_agent *agent)
{
    return k->does->add(k->k, agent);
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
