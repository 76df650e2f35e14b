/* SPDX-License-Identifier: MIT */
/*
 * Any text as a machine description and as a workload. Beyond the sanitizers: a refusal says why, a
 * request keeps the contract of sim/guest.h, and nothing outlasts its limits of memory and time.
 */
#define _GNU_SOURCE /* memfd_create */ // NOLINT(bugprone-reserved-identifier)
#include "sriov_nic/sriov_nic.h"
#include "lua/box.h"
#include "lua/machine.h"
#include "lua/programs.h"
#include "lua/workload.h"
#include "virtsim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REQUESTS 200
#define TOP (UINT64_C(1) << 47)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct vs_knob_desc knobs[] = {
    {"toy.entries", VS_KNOB_NUM, 64, 1, 4096, "entries", NULL, VS_GRADE_assumed, "-", "", 0},
    {"toy.latency", VS_KNOB_CYCLES, 7, 0, 1000, "cycles", NULL, VS_GRADE_assumed, "-", "", 8},
    {"toy.delay", VS_KNOB_PS, 7, 0, 1000000, "ps", NULL, VS_GRADE_assumed, "-", "", 16},
    {"toy.on", VS_KNOB_FLAG, 0, 0, 1, "flag", NULL, VS_GRADE_assumed, "-", "", 24},
    {"toy.policy", VS_KNOB_CHOICE, 0, 0, 255, "choice", "lru|fifo", VS_GRADE_assumed, "-", "", 32}};
static const struct vs_component_desc toy = {"toy", knobs, 5, NULL, 0, NULL, 0, 40};

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static struct vs_knobs *store(void)
{
    const struct vs_component_desc *const all[] = {&toy, &vs_sim_desc};
    return vs_knobs_create(all, 2);
}

/* The table that a file returns as a hypervisor's programs: what is refused says why, what is
 * linked keeps its circles out of the interpreter and its numbers in their bounds. */
static void programs(const char *path)
{
    struct vs_errors e = {NULL, 0};
    struct vs_lua_programs *p = NULL;
    struct vs_box *box = vs_box_open(1);
    must(box != NULL);
    if (!vs_box_load(box, path, &e)) {
        int rc = vs_box_call(box, 0, 1);
        if (rc != LUA_OK) {
            vs_box_report(box, rc, &e);
        } else if (lua_istable(box->L, -1)) {
            enum vs_status s =
                vs_lua_programs_read(&p, box->L, VS_ROLE_HYPERVISOR, "h", "h.lua", path, &e);
            must((s == VS_OK) == (e.n == 0));
            const struct vs_program_set *set = s ? NULL : vs_lua_programs_link(p, &e);
            must(s || (set != NULL) == (e.n == 0));
            for (size_t i = 0; set && i < set->component.n_knobs; i++) {
                must(set->component.knobs[i].path && *set->component.knobs[i].source);
            }
        }
    }
    vs_lua_programs_free(p);
    vs_box_close(box);
    vs_errors_free(&e);
}

static void machine(const char *path)
{
    struct vs_errors e = {NULL, 0};
    struct vs_machine_info info;
    struct vs_knobs *k = store();
    enum vs_status s = vs_machine_load("/nonexistent", path, k, &info, &e);
    must((s == VS_OK) == (e.n == 0));
    for (size_t i = 0; i < vs_knobs_count(k); i++) {
        const struct vs_knob *n = vs_knobs_at(k, i);
        must(n->desc->kind == VS_KNOB_CHOICE ||
             (n->value >= n->desc->min && n->value <= n->desc->max));
        must(n->rank == VS_RANK_DEFAULT || (n->source && *n->source));
    }
    vs_knobs_destroy(k);
    vs_errors_free(&e);
}

/* A script can make it. */
static bool scripted(enum vs_req kind)
{
    switch ((int)kind) {
#define VS_REQUEST(code, ...)                                                                      \
    case (code):                                                                                   \
        return true;
#define VS_HIDDEN(code, NAME, ...)
#define VS_METHOD(...)
#define VS_SECTION(title)
#include "request/requests.def"
    default:
        return false;
    }
}

static void check(const struct vs_request *r)
{
    switch (r->kind) {
    case VS_REQ_MAP:
        must(r->bytes >= 1 && r->address <= TOP && r->bytes <= TOP - r->address);
        must(r->page_shift == 0 || r->page_shift == 12 || r->page_shift == 21 ||
             r->page_shift == 30);
        break;
    case VS_REQ_ACCESS:
        must(r->bytes >= 1 && r->bytes <= 4096 && r->address <= TOP - r->bytes);
        break;
    case VS_REQ_BULK:
        must(r->address <= TOP && r->bytes <= TOP - r->address);
        must(!r->count || (r->bytes && r->stride && r->stride <= r->bytes));
        must(r->pattern != VS_PATTERN_ZIPF || !r->count || (r->theta > 0 && r->theta < 1));
        break;
    case VS_REQ_UNMAP:
    case VS_REQ_PROTECT:
    case VS_REQ_INVLPG:
        must(r->address <= TOP && r->bytes <= TOP - r->address);
        break;
    case VS_REQ_IPI:
        must(r->b >= 16 && r->b <= 255);
        break;
    case VS_REQ_IN:
    case VS_REQ_OUT:
        must(r->a <= 0xffff && (r->bytes == 1 || r->bytes == 2 || r->bytes == 4));
        break;
    case VS_REQ_SEND:
        must(r->bytes >= 1 && r->bytes <= VS_NIC_MAX_PAYLOAD);
        break;
    case VS_REQ_MARK:
        must(memchr(r->name, 0, sizeof r->name) != NULL);
        break;
    default:
        must(scripted(r->kind));
        break;
    }
}

/* Runs each program a while; a map is answered with an address that holds it. */
static void drive(struct vs_workload *w)
{
    for (unsigned i = 0; i < vs_workload_info(w).n_vcpus; i++) {
        struct vs_guest_source guest;
        struct vs_reply reply = {.value = 0};
        struct vs_request r;
        must(vs_workload_source(w, i, &guest));
        for (int n = 0; n < REQUESTS; n++) {
            guest.next(guest.ctx, &reply, &r);
            if (r.kind == VS_REQ_END || r.kind == VS_REQ_ERROR) {
                must(r.kind == VS_REQ_END || *guest.error(guest.ctx));
                break;
            }
            check(&r);
            reply.value = r.kind == VS_REQ_MAP ? r.address : (uint64_t)n * 0x1000u;
            reply.now_ps += 1000;
            reply.interrupts++;
        }
    }
}

static void workload(const char *path)
{
    struct vs_errors e = {NULL, 0};
    struct vs_knobs *k = store();
    struct vs_workload *w = NULL;
    enum vs_status s = vs_workload_load(path, k, NULL, 0, 1, &w, &e);
    must((s == VS_OK) == (w != NULL) && (s == VS_OK) == (e.n == 0));
    if (w) {
        vs_workload_values(w, k);
        drive(w);
    }
    vs_workload_close(w);
    vs_knobs_destroy(k);
    vs_errors_free(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = memfd_create("script", 0);
    must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    vs_box_limits(2u << 20, 1); /* a tenth of a second */
    vs_watch_request();
    machine(path);
    programs(path);
    vs_watch_request();
    workload(path);
    close(fd);
    return 0;
}
