/* SPDX-License-Identifier: MIT */
/*
 * The knob store: one array of every component's knobs; command line, Lua and machine files are
 * ranked fronts of vs_knobs_set(). Rank: default < machine < workload < command line; a lower rank
 * never overwrites a higher one. Unknown paths name the nearest, bad values name the bounds.
 */
#ifndef VIRTSIM_KNOB_H
#define VIRTSIM_KNOB_H

#include "virtsim/def.h"
#include "virtsim/status.h"

enum vs_rank { VS_RANK_DEFAULT, VS_RANK_MACHINE, VS_RANK_WORKLOAD, VS_RANK_CLI };

struct vs_knob {
    const struct vs_knob_desc *desc;
    uint64_t value;
    enum vs_evidence grade;
    enum vs_rank rank;
    bool added;   /* at run time: no component declares it */
    char *source; /* owned copy, NULL = desc->source */
    char *set_by; /* owned copy: "--set", "machine skylake_sp_kvm", file:line; NULL = "default" */
    char *part;   /* owned copy: the old name of a part of it that set it last; NULL = none did */
};

/* Who sets, for the record. source NULL keeps the declared source and grade (a pure re-statement).
 */
struct vs_origin {
    enum vs_rank rank;
    const char *set_by;
    const char *source;
    enum vs_evidence grade;
};

struct vs_knobs;

struct vs_knobs *vs_knobs_create(const struct vs_component_desc *const *components, size_t n);
void vs_knobs_destroy(struct vs_knobs *k);
/* Values, and who set them, as another store of the same components has them. */
enum vs_status vs_knobs_copy(struct vs_knobs *to, const struct vs_knobs *from);
/* Adds one knob at run time (workload parameters); desc and its strings must outlive the store. */
enum vs_status vs_knobs_add(struct vs_knobs *k, const struct vs_knob_desc *desc);
/* What a knob of an old name is called now; 0: nothing was called so. Several: it was their sum,
 * and a value is divided among them as their declared ones are. Asked where a path is unknown;
 * NULL: nobody is. is_part says whether a knob of an old name is one of several that have become
 * one: where two of them are set, their values add up. */
void vs_knobs_renamed_by(size_t (*renamed)(const char *old, const char **names, size_t most),
                         bool (*is_part)(const char *old));
/* Components (NULL ends the list) that this program was built without: machine files may set their
 * knobs, which then are nothing; whoever else does is told. */
void vs_knobs_left_out(const char *const *components);
/* Components (NULL ends the list) that a machine may have several of: "pcie1.width" is that of the
 * second one, "pcie.width" that of all. */
void vs_knobs_numbered(const char *const *components);
/* Whether a path is of one instance: which, and the path of all. */
bool vs_knob_instance(const char *path, unsigned *index, char *base, size_t bytes);
/* The description of such a path, made when it is first asked for; NULL: there is no such knob. */
const struct vs_knob_desc *vs_knob_instance_of(const struct vs_knobs *k, const char *path);
/* As vs_knobs_load, with what is set for this instance: unless a higher rank set it for all. */
void vs_knobs_load_instance(const struct vs_knobs *k, const struct vs_component_desc *c,
                            unsigned index, void *config);
/* The component of a path, where this program was built without it; NULL otherwise. */
const char *vs_knobs_without(const char *path);
/* Takes the knobs of n components out of the store: the machine has no such things. */
void vs_knobs_drop(struct vs_knobs *k, const struct vs_component_desc *const *c, size_t n);
/* The component of this name that the store has; NULL: none. */
const struct vs_component_desc *vs_knobs_component(const struct vs_knobs *k, const char *name);
/* Puts a component in the place of the one of the same name: a machine has another such part. A
 * knob that both have keeps its value, where somebody set it. */
enum vs_status vs_knobs_replace(struct vs_knobs *k, const struct vs_component_desc *with);
/* text: "1536", "0x600", "4GiB", "4K", "1e6", "on|off", a choice's name, "385ps", "12ns" (ps
 * knobs). */
enum vs_status vs_knobs_set(struct vs_knobs *k, const char *path, const char *text,
                            const struct vs_origin *who, struct vs_errors *errors);
/* Says anew where the value of a knob comes from and what that is worth; who set it, and to what,
 * stays. */
void vs_knobs_cite(struct vs_knobs *k, const char *path, const char *source,
                   enum vs_evidence grade);
const struct vs_knob *vs_knobs_find(const struct vs_knobs *k, const char *path);
size_t vs_knobs_count(const struct vs_knobs *k);
const struct vs_knob *vs_knobs_at(const struct vs_knobs *k, size_t i); /* in path order */
/* Copies the values of one component into its config struct. */
void vs_knobs_load(const struct vs_knobs *k, const struct vs_component_desc *c, void *config);
/* The component's declared defaults, for tests and embedding. */
void vs_defaults(const struct vs_component_desc *c, void *config);
/* Value as text: choice name, number. Returns out. */
const char *vs_knob_text(const struct vs_knob *k, char *out, size_t bytes);
/* Parses a number with binary or decimal suffix: 4K 4KiB 2M 1G 1e6 0x10 12.5e3; false if malformed.
 * Decimal, whatever zeros it begins with; hexadecimal after 0x. */
bool vs_parse_number(const char *text, uint64_t *out);

#endif
