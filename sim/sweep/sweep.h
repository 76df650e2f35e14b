/* SPDX-License-Identifier: MIT */
/*
 * A sweep: points made of varied knobs, inputs, machines and seeds, run by a pool (pool.h) into one
 * database. Life: axes, zips and derived knobs are added, vs_sweep_settle says how many points that
 * makes, plan.h finds what is wrong with any of them and what is stored already, and runs the rest.
 */
#ifndef VIRTSIM_SIM_SWEEP_H
#define VIRTSIM_SIM_SWEEP_H

#include "sweep/pool.h"

#define VS_SWEEP_AXES 16u
#define VS_SWEEP_LETS 32u
#define VS_SWEEP_VALUES 10000u /* of an axis: more is a slip of the step */
#define VS_SWEEP_POINTS 1000000u
#define VS_SWEEP_NAME 64u

struct vs_axis {
    char path[128]; /* knob, "machine", "input" or "seed" */
    char **value;
    size_t n, room;
    char *text;     /* as it was given: "0,16:64:x2" */
    unsigned zip;   /* by vs_sweep_settle: axes of one number go together; 0: alone */
    char from[300]; /* "FILE:LINE" of a manifest, "" on the command line */
};

/* A knob whose value follows from others of the point. */
struct vs_let {
    char path[128];
    char *expression;
    char from[300];
};

/* Axes that advance together: one digit of a point's number. */
struct vs_digit {
    unsigned axis[VS_SWEEP_AXES], n_axes;
    size_t n; /* values */
};

struct vs_sweep {
    struct vs_session_request base; /* input, sets, seed, ... */
    struct vs_axis axis[VS_SWEEP_AXES];
    unsigned n_axes;
    char *zip[VS_SWEEP_AXES]; /* "path,path" */
    unsigned n_zips;
    struct vs_let let[VS_SWEEP_LETS];
    unsigned n_lets;
    uint64_t random;      /* so many of the combinations; 0: all */
    uint64_t random_seed; /* of that choice */
    bool random_seeded;   /* it was given */
    unsigned seeds;       /* runs of each combination, from the request's seed on; at least 1 */
    char name[VS_SWEEP_NAME + 1]; /* of the sweep in the database; "" until it is settled */
    /* by vs_sweep_settle */
    struct vs_digit digit[VS_SWEEP_AXES];
    unsigned n_digits;
    size_t combinations, points;
    uint64_t *sample; /* of combinations, in their order; NULL: all */
    /* in a worker */
    struct vs_lets *lets; /* compiled by the first point; let.h */
    uint64_t let_seed;    /* of the point that was made last */
};

/* "path=v1,v2,...": an element is a value or a range, FIRST:LAST:xFACTOR or FIRST:LAST:+STEP. */
enum vs_status vs_sweep_axis(struct vs_sweep *s, const char *text, const char *from,
                             struct vs_errors *errors);
/* "path,path,...": these axes, which may still be to come, go together. */
enum vs_status vs_sweep_zip(struct vs_sweep *s, const char *text, struct vs_errors *errors);
/* "path=expression". */
enum vs_status vs_sweep_let(struct vs_sweep *s, const char *text, const char *from,
                            struct vs_errors *errors);
/* Axes, zips, sample and seeds become points; what does not fit is an error. */
enum vs_status vs_sweep_settle(struct vs_sweep *s, struct vs_errors *errors);
/* The point of this number, from 0 on: the last digit varies fastest, seeds fastest of all. False:
 * its values have no room. `ctx` is the sweep. */
bool vs_sweep_point(void *ctx, size_t index, struct vs_point *p);
/* The text of an axis's value at a point. */
const char *vs_sweep_value(const struct vs_sweep *s, size_t index, unsigned axis);
/* The seed a point has. */
uint64_t vs_sweep_seed(const struct vs_sweep *s, size_t index);
/* Whether an input is a trace or a recording: no Lua. */
bool vs_sweep_is_trace(const char *input);
void vs_sweep_free(struct vs_sweep *s);

/* Between the files of this folder: fills the values of an axis from its text. */
enum vs_status vs__axis_values(struct vs_axis *a, const char *text, struct vs_errors *errors);

#endif
