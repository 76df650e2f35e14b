/* SPDX-License-Identifier: MIT */
/* Mean, deviation and confidence of a few numbers: those of one point under several seeds. */
#ifndef VIRTSIM_SIM_SWEEP_STUDENT_H
#define VIRTSIM_SIM_SWEEP_STUDENT_H

#include <stddef.h>

/* Student's t: the value that a t of so many degrees of freedom exceeds, on either side, with
 * probability 1 - level. level in (0, 1). */
double vs_student_t(double level, size_t freedom);

struct vs_spread {
    size_t n;
    double mean;
    double deviation;  /* of the sample, n - 1; NaN below two */
    double confidence; /* half the width of the mean's interval by Student's t; NaN below two */
};
struct vs_spread vs_spread_of(const double *x, size_t n, double level);

#endif
