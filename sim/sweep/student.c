/* SPDX-License-Identifier: MIT */
#include "sweep/student.h"

#include <math.h>

/* The continued fraction of the incomplete beta function, by Lentz's method (Numerical Recipes,
 * 3rd edition, 6.4). */
static double fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double h = d;
    for (int m = 1; m < 100000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 + even * d;
        c = 1 + even / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        d = 1 + odd * d;
        c = 1 + odd / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        if (fabs(d * c - 1) < 1e-15) {
            break;
        }
    }
    return h;
}

/* The regularised incomplete beta function I_x(a, b). */
static double beta(double a, double b, double x)
{
    if (x <= 0 || x >= 1) {
        return x <= 0 ? 0 : 1;
    }
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1) / (a + b + 2) ? front * fraction(a, b, x) / a
                                     : 1 - front * fraction(b, a, 1 - x) / b;
}

/* Probability that |t| is larger. */
static double beyond(double t, double freedom)
{
    return beta(freedom / 2, 0.5, freedom / (freedom + t * t));
}

double vs_student_t(double level, size_t freedom)
{
    double low = 0, high = 1, want = 1 - level, f = (double)freedom;
    while (beyond(high, f) > want) {
        high *= 2;
    }
    for (int i = 0; i < 200 && high - low > 1e-13 * high; i++) {
        double middle = (low + high) / 2;
        *(beyond(middle, f) > want ? &low : &high) = middle;
    }
    return (low + high) / 2;
}

struct vs_spread vs_spread_of(const double *x, size_t n, double level)
{
    struct vs_spread s = {n, NAN, NAN, NAN};
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i];
    }
    s.mean = n ? sum / (double)n : NAN;
    for (size_t i = 0; i < n; i++) {
        squares += (x[i] - s.mean) * (x[i] - s.mean);
    }
    if (n > 1) {
        s.deviation = sqrt(squares / (double)(n - 1));
        s.confidence = vs_student_t(level, n - 1) * s.deviation / sqrt((double)n);
    }
    return s;
}
