/* SPDX-License-Identifier: MIT */
/* Time of the machine that virtsim runs on: for progress and patience, never for a result. */
#ifndef VIRTSIM_HOST_CLOCK_H
#define VIRTSIM_HOST_CLOCK_H

/* Seconds of a clock that nobody sets back; only differences mean something. */
double vs_host_seconds(void);
/* Seconds of processor time that this process has used. */
double vs_host_processor_seconds(void);

#endif
