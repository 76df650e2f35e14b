/* SPDX-License-Identifier: MIT */
/* Which vCPUs of a replay are threads of one process: --threads, all of them; --shares 1=0,3=2. */
#include "programs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A number at *at, which moves behind it; false: there is none. */
static bool number(const char **at, uint64_t *out)
{
    char *end;
    if (**at < '0' || **at > '9') {
        return false;
    }
    *out = strtoull(*at, &end, 10);
    *at = end;
    return true;
}

/* "WHO=WITH" at *at, which moves behind it and its comma. */
static bool pair(const char **at, uint64_t *who, uint64_t *with)
{
    if (!number(at, who) || *(*at)++ != '=' || !number(at, with) || (**at && **at != ',')) {
        return false;
    }
    if (**at == ',' && (*at)[1]) { /* no comma ends the list */
        ++*at;
    }
    return **at != ',';
}

/* NULL: vCPU who can work in the address space of vCPU with. */
static const char *wrong(const struct vs_programs *p, uint64_t who, uint64_t with)
{
    return who >= p->n_vcpus || with >= p->n_vcpus ? "there is no such vCPU"
           : who == with                           ? "a vCPU has its own address space anyway"
           : who < with     ? "the vCPU that shares is the one of the higher number"
           : p->shares[who] ? "this vCPU is named twice"
                            : NULL;
}

enum vs_status vs_programs_share(struct vs_programs *p, const struct vs_session_request *r,
                                 struct vs_errors *errors)
{
    size_t before = errors->n;
    if (r->threads && r->shares) {
        vs_error(errors, "--threads and --shares: all traces share one address space, or those "
                         "that are named; give one of the two options");
        return VS_E_INPUT;
    }
    for (unsigned i = 1; r->threads && i < p->n_vcpus; i++) {
        p->shares[i] = 1; /* vCPU 0's */
    }
    const char *at = r->shares;
    for (uint64_t who, with; at && *at;) {
        if (!pair(&at, &who, &with)) {
            break;
        }
        const char *why = wrong(p, who, with);
        if (why) {
            vs_error(errors,
                     "--shares %" PRIu64 "=%" PRIu64
                     ": %s; the %u traces are vCPUs 0 to %u, and A=B says that vCPU A works in the "
                     "address space of vCPU B, of a lower number",
                     who, with, why, p->n_vcpus, p->n_vcpus - 1u);
        } else {
            p->shares[who] = (uint8_t)(with + 1u);
        }
    }
    if (r->shares && (!*r->shares || *at)) {
        vs_error(
            errors,
            "--shares '%s': a list such as 1=0,3=2 is needed: vCPU 1 works in the address space "
            "of vCPU 0, vCPU 3 in that of vCPU 2",
            r->shares);
    }
    for (unsigned i = 0; errors->n == before && r->shares && i < p->n_vcpus; i++) {
        unsigned with = p->shares[i];
        if (with && p->shares[with - 1u]) {
            vs_error(errors,
                     "--shares %u=%u: vCPU %u works in the address space of vCPU %u itself; say "
                     "%u=%u",
                     i, with - 1u, with - 1u, p->shares[with - 1u] - 1u, i,
                     p->shares[with - 1u] - 1u);
        }
    }
    return errors->n == before ? VS_OK : VS_E_INPUT;
}
