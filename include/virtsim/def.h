/* SPDX-License-Identifier: MIT */
/*
 * What a component declares, once, in its <c>.def. Lines of a .def file:
 *
 *   VS_NUM    (field, "path", default, min, max, "unit", grade, "source", "text")     a number
 *   VS_FLAG   (field, "path", default, grade, "source", "text")                       0 or 1
 *   VS_CHOICE (field, "path", default_index, "a|b|c", grade, "source", "text")        enumeration
 *   VS_LAT    (field, "path", account, "account.path", default, min, max, grade, "source", "text")
 *                                 a latency in cycles of the component's clock, and its account
 *   VS_LAT_PS (same arguments)    a latency in picoseconds, and its account
 *   VS_ACCOUNT(account, "account.path", "knob,knob", "text")   an account priced by those knobs
 *   VS_WAIT   (account, "account.path", "text")                an account for waiting
 *   VS_COUNT  (counter, "counter.path", "unit", "text")        a counter
 *
 * grade is one of measured, derived, documented, assumed. The component's header expands the file
 * with virtsim/def_types.h into struct vs_<c>_config (uint64_t fields), enum VS_ACC_<c>_<account>
 * and enum VS_CNT_<c>_<counter>; one of its .c files with virtsim/def_tables.h into
 * `const struct vs_component_desc vs_<c>_desc`.
 */
#ifndef VIRTSIM_DEF_H
#define VIRTSIM_DEF_H

#include "virtsim/units.h"

enum vs_evidence { VS_GRADE_measured, VS_GRADE_derived, VS_GRADE_documented, VS_GRADE_assumed };
const char *vs_evidence_name(enum vs_evidence g);
bool vs_evidence_parse(const char *text, enum vs_evidence *out);

enum vs_knob_kind { VS_KNOB_NUM, VS_KNOB_FLAG, VS_KNOB_CHOICE, VS_KNOB_CYCLES, VS_KNOB_PS };

struct vs_knob_desc {
    const char *path; /* "ept.l2_tlb.entries" */
    enum vs_knob_kind kind;
    uint64_t def, min, max;
    const char *unit;    /* "entries", "cycles", "ps", "flag", "choice" */
    const char *choices; /* "a|b|c" or NULL */
    enum vs_evidence grade;
    const char *source;
    const char *text;
    size_t offset; /* of the uint64_t in the component's config struct */
};

struct vs_account_desc {
    const char *path;
    const char *priced_by; /* knob paths, comma-separated; "" for a wait */
    bool wait;
    const char *text;
};

struct vs_counter_desc {
    const char *path;
    const char *unit;
    const char *text;
};

struct vs_component_desc {
    const char *name;
    const struct vs_knob_desc *knobs;
    size_t n_knobs;
    const struct vs_account_desc *accounts;
    size_t n_accounts;
    const struct vs_counter_desc *counters;
    size_t n_counters;
    size_t config_bytes;
};

#endif
