/* SPDX-License-Identifier: MIT */
/* The options that a run is stored with. */
#include "session_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Appends an option to those that are stored, unless it has no value. */
static void option_text(struct vs_run_option *out, size_t *n, const char *name, const char *value)
{
    if (*value) {
        snprintf(out[*n].option, sizeof out[*n].option, "%s", name);
        snprintf(out[*n].value, sizeof out[*n].value, "%s", value);
        ++*n;
    }
}

/* Appends an option that is a number, unless it is 0. */
static void option_number(struct vs_run_option *out, size_t *n, const char *name, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, value);
    option_text(out, n, name, value ? text : "");
}

/* Appends an option that is an amount, unless it is 0. */
static void option_amount(struct vs_run_option *out, size_t *n, const char *name,
                          const struct vs_amount *a)
{
    char text[32];
    option_text(out, n, name, a->n ? vs_amount_text(a, text, sizeof text) : "");
}

/* "1=0,3=2": vCPU 1 works in the address spaces of vCPU 0, 3 in those of 2. */
static void option_shares(struct vs_run_option *out, size_t *n, const struct vs_programs *p)
{
    char text[sizeof out->value] = "";
    size_t at = 0;
    for (unsigned i = 0; i < p->n_vcpus && i < VS_RUN_VCPUS && at < sizeof text; i++) {
        if (p->shares[i]) {
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%u=%u", at ? "," : "", i,
                                   p->shares[i] - 1u);
        }
    }
    option_text(out, n, "shares", text);
}

size_t vs_session_options(const struct vs_session *s, struct vs_run_option out[VS_SESSION_OPTIONS])
{
    const struct vs_session_request *r = &s->request;
    struct vs_amount warmup = r->parts.warmup;
    warmup.n = warmup.n ? warmup.n : r->options.warmup; /* a recording's own */
    const char *tables = r->tables ? strrchr(r->tables, '/') : NULL;
    size_t n = 0;
    option_amount(out, &n, "warmup", &warmup);
    option_amount(out, &n, "skip", &r->parts.skip);
    option_amount(out, &n, "limit", &r->parts.limit);
    option_number(out, &n, "spans", r->options.spans);
    option_number(out, &n, "epoch_ps", r->options.epoch_ps);
    option_text(out, &n, "record", r->record ? "vst" : "");
    option_text(out, &n, "tables", tables ? tables + 1 : r->tables ? r->tables : "");
    option_text(out, &n, "threads", r->threads ? "1" : "");
    option_shares(out, &n, &s->programs);
    /* where the region of interest begins; without a word of it the whole run is measured */
    bool marked = s->platform && !warmup.n && vs_platform_roi_ps(s->platform);
    option_text(out, &n, "roi", warmup.n ? "warmup" : marked ? "mark" : "");
    return n;
}
