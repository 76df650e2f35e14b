/* SPDX-License-Identifier: MIT */
/* Traces of exits among the inputs of a run: which options they take, which machines they fit. */
#include "home.h"
#include "lua/machine.h"
#include "machine/platform.h"
#include "programs.h"
#include "recording/recording.h"
#include "replay/kvm/kvm.h"
#include "replay/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_ROOM (UINT64_C(64) << 20) /* for the guest's own page tables and kernel */

enum vs_status vs_programs_open_exits(struct vs_programs *p, struct vs_session_request *r,
                                      const char *input, struct vs_errors *errors)
{
    struct vs_program *one = &p->each[p->n++];
    char err[1200];
    one->input = input;
    if (r->parts.skip.n || r->parts.limit.n || r->parts.warmup.n || r->tables || r->threads ||
        r->shares) {
        vs_error(errors,
                 "%s: a trace of exits is replayed as a whole, each of its vCPUs in address spaces "
                 "of its own: --skip, --limit, --warmup, --tables, --threads and --shares are for "
                 "traces of accesses",
                 input);
        return VS_E_INPUT;
    }
    enum vs_status st = vs_kvm_open(p->path, &one->exits, err, sizeof err);
    if (st) {
        vs_error(errors, "%s", err);
        return st;
    }
    if (p->n_vcpus + one->exits->n > VS_RUN_VCPUS) {
        vs_error(errors, "%s: exits of %u vCPUs; a run has at most %u", input, one->exits->n,
                 VS_RUN_VCPUS);
        return VS_E_INPUT;
    }
    p->n_vcpus += one->exits->n;
    return VS_OK;
}

/* Machines of one vendor with a hypervisor, by their files. */
struct fitting {
    enum vs_kvm_vendor vendor;
    char names[300];
    unsigned n;
};

/* Whether this machine's processors are of that vendor and run guests. */
static void fits(void *ctx, const char *name, const char *path)
{
    struct fitting *f = ctx;
    (void)path;
    if (f->n == 4u || !strstr(name, "_kvm")) {
        return;
    }
    size_t n_components;
    const struct vs_component_desc *const *components = vs_components(&n_components);
    struct vs_knobs *k = vs_knobs_create(components, n_components);
    struct vs_machine_info *info = calloc(1, sizeof *info);
    struct vs_errors errors = {0};
    if (k && info && !vs_machine_load(vs_home(), name, k, info, &errors)) {
        const struct vs_knob *vendor = vs_knobs_find(k, "cpu.vendor");
        if (vendor && vendor->value == (uint64_t)f->vendor) {
            size_t n = strlen(f->names);
            snprintf(f->names + n, sizeof f->names - n, "%s%s", f->n++ ? ", " : "", name);
        }
    }
    vs_errors_free(&errors);
    free(info);
    vs_knobs_destroy(k);
}

enum vs_status vs_programs_exits_fit(const struct vs_programs *p, const struct vs_knobs *knobs,
                                     const char *machine, struct vs_errors *errors)
{
    const struct vs_knob *processor = vs_knobs_find(knobs, "cpu.vendor");
    const struct vs_knob *paging = vs_knobs_find(knobs, "paging.mode");
    for (unsigned i = 0; i < p->n; i++) {
        const struct vs_kvm *k = p->each[i].exits;
        if (k && paging && !paging->value) {
            vs_error(errors,
                     "%s: a trace of exits is replayed on a machine with a hypervisor; %s runs its "
                     "program on bare metal: its twin is called *_kvm",
                     p->each[i].input, machine);
            return VS_E_INPUT;
        }
        if (!k || !processor || processor->value == (uint64_t)k->exits.vendor ||
            (k->exits.either && processor->value <= VS_KVM_AMD)) {
            continue;
        }
        struct fitting f = {.vendor = k->exits.vendor};
        vs_machine_each(vs_home(), fits, &f);
        vs_error(errors,
                 "%s: exits of %s processors; %s's are %s: replay it with --machine %s, or another "
                 "that 'virtsim list machines' has",
                 p->each[i].input, vs_kvm_vendor_text(k->exits.vendor), machine,
                 vs_kvm_vendor_text((enum vs_kvm_vendor)processor->value), f.names);
        return VS_E_INPUT;
    }
    return VS_OK;
}

uint64_t vs_programs_memory(const struct vs_programs *p)
{
    uint64_t most = 0;
    for (unsigned i = 0; i < p->n; i++) {
        uint64_t one = p->each[i].exits ? vs_kvm_memory(p->each[i].exits) + MEMORY_ROOM : 0;
        most = one > most ? one : most;
    }
    return most;
}

void vs_programs_remarks(const struct vs_programs *p, void (*say)(void *ctx, const char *text),
                         void *ctx)
{
    for (unsigned i = 0; i < p->n; i++) {
        if (p->each[i].exits) {
            vs_kvm_remarks(p->each[i].exits, p->each[i].input, say, ctx);
        }
    }
}

/* The rows of one trace, whose first vCPU is `first`; false: no memory. */
static bool add_rows(const struct vs_kvm *k, unsigned first, struct vs_exit_row **out, size_t *n)
{
    size_t more;
    struct vs_kvm_row *rows = vs_kvm_rows(k, &more);
    struct vs_exit_row *all = rows ? realloc(*out, (*n + more + 1u) * sizeof *all) : NULL;
    if (!all) {
        free(rows);
        *n += !*n;
        return false;
    }
    for (size_t i = 0; i < more; i++) {
        const struct vs_kvm_row *r = &rows[i];
        struct vs_exit_row *to = &all[*n + i];
        char number[24];
        *to = (struct vs_exit_row){.op = vs_kvm_op(r->exit),
                                   .thread = r->thread,
                                   .vcpu = r->vcpu,
                                   .n = r->n,
                                   .pairs = r->pairs,
                                   .total_ps = r->total_ps,
                                   .min_ps = r->min_ps,
                                   .max_ps = r->max_ps};
        snprintf(to->actor, sizeof to->actor, "vcpu%u/host", first + r->source);
        snprintf(to->reason, sizeof to->reason, "%s",
                 vs_kvm_exit_name(r->exit, number, sizeof number));
    }
    free(rows);
    *out = all;
    *n += more;
    return true;
}

struct vs_exit_row *vs_programs_exits(const struct vs_programs *p, size_t *n)
{
    struct vs_exit_row *all = NULL;
    unsigned vcpu = 0;
    *n = 0;
    for (unsigned i = 0; i < p->n; i++) {
        const struct vs_program *one = &p->each[i];
        if (one->exits && !add_rows(one->exits, vcpu, &all, n)) {
            free(all);
            return NULL;
        }
        vcpu += one->exits       ? one->exits->n
                : one->recording ? vs_recording_vcpus(one->recording)
                                 : vs_replay_lanes(one->replay);
    }
    return all;
}
