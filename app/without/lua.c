/* SPDX-License-Identifier: MIT */
/*
 * What a program without Lua has in its place (cmake -DVIRTSIM_WITHOUT=lua, and the program
 * virtsim_without_lua of every build): machines, hypervisors and kernels are those that the build
 * made tables of, recordings and traces run on them. What needs a Lua file says so.
 */
#include "lua/description.h"
#include "lua/machine.h"
#include "lua/methods.h"
#include "lua/shipped.h"
#include "lua/watch.h"
#include "lua/workload.h"
#include "sweep/let.h"
#include "sweep/manifest.h"

#include "home.h"
#include "machine/software.h"

#include <stdio.h>
#include <string.h>

#define WITHOUT "this program was built without Lua"

/* ---- machines ---- */

enum vs_status vs_machine_load(const char *home, const char *name, struct vs_knobs *knobs,
                               struct vs_machine_info *info, struct vs_errors *errors)
{
    (void)home; /* whose files may be others, or not there */
    for (size_t i = 0; i < vs_shipped_machines.n; i++) {
        if (!strcmp(vs_shipped_machines.machine[i].name, name)) {
            return vs_shipped_take(&vs_shipped_machines.machine[i], vs_software, knobs, info,
                                   errors);
        }
    }
    vs_error(errors,
             "machine %s: " WITHOUT ": it has the shipped machines as they were when it was built, "
             "and reads no other file; 'virtsim list machines' names them",
             name);
    return VS_E_UNKNOWN;
}

enum vs_status vs_machine_each_info(const char *home,
                                    void (*visit)(void *ctx, const struct vs_machine_info *info),
                                    void *ctx, struct vs_errors *errors)
{
    static struct vs_machine_info info;
    (void)home, (void)errors;
    for (size_t i = 0; i < vs_shipped_machines.n; i++) {
        const struct vs_shipped_machine *m = &vs_shipped_machines.machine[i];
        vs_machine_begin(&info, m->name);
        snprintf(info.text, sizeof info.text, "%s", m->text);
        snprintf(info.calibrated, sizeof info.calibrated, "%s", m->calibrated);
        visit(ctx, &info);
    }
    return VS_OK;
}

/* ---- workloads ---- */

enum vs_status vs_workload_load(const char *path, struct vs_knobs *knobs, const char *const *sets,
                                size_t n_sets, uint64_t seed, struct vs_workload **out,
                                struct vs_errors *errors)
{
    (void)knobs, (void)sets, (void)n_sets, (void)seed;
    *out = NULL;
    vs_error(errors,
             "%s: " WITHOUT ": workloads are Lua; 'virtsim replay' runs recordings and traces",
             path);
    return VS_E_UNKNOWN;
}

struct vs_workload_info vs_workload_info(const struct vs_workload *w)
{
    (void)w;
    return (struct vs_workload_info){.name = "", .text = "", .metrics = ""};
}

void vs_workload_values(struct vs_workload *w, const struct vs_knobs *knobs)
{
    (void)w, (void)knobs;
}

unsigned vs_workload_shares(const struct vs_workload *w, unsigned index)
{
    (void)w, (void)index;
    return 0;
}

bool vs_workload_source(struct vs_workload *w, unsigned index, struct vs_guest_source *out)
{
    (void)w, (void)index, (void)out;
    return false;
}

void vs_workload_close(struct vs_workload *w)
{
    (void)w;
}

bool vs_request_text(size_t n, struct vs_request_text *out)
{
    (void)n, (void)out; /* they are methods of Lua's */
    return false;
}

/* ---- sweeps ---- */

struct vs_lets *vs_lets_open(const struct vs_sweep *s, struct vs_errors *errors)
{
    (void)s;
    vs_error(errors, "--let: " WITHOUT ", and expressions are Lua's");
    return NULL;
}

void vs_lets_close(struct vs_lets *l)
{
    (void)l;
}

void vs_lets_seed(struct vs_lets *l, uint64_t seed)
{
    (void)l, (void)seed;
}

enum vs_status vs_lets_apply(void *ctx, struct vs_knobs *knobs, struct vs_errors *errors)
{
    (void)ctx, (void)knobs, (void)errors;
    return VS_OK;
}

struct vs_manifest *vs_manifest_read(const char *path, const char *text, vs_manifest_visit *visit,
                                     void *ctx, struct vs_errors *errors)
{
    (void)text, (void)visit, (void)ctx;
    vs_error(errors, "%s: " WITHOUT ", and manifests of sweeps are Lua's", path);
    return NULL;
}

void vs_manifest_free(struct vs_manifest *m)
{
    (void)m;
}

/* ---- the watch over what Lua does ---- */

void vs_watch_request(void) {}

void vs_watch_at_last(vs_last_resort *end)
{
    (void)end;
}

/* There are no scripts to be limited, whatever the limit is. */
bool vs_watch_limit_from(const char *seconds)
{
    (void)seconds;
    return true;
}
