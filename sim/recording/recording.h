/* SPDX-License-Identifier: MIT */
/*
 * A run's stimuli in a file (.vst): everything its guest programs asked for, as they asked.
 * Replayed on the same machine with the same seed it gives the same books, byte for byte; on
 * another machine it is the same program there. What the machine answered stands in it as
 * annotation.
 *
 * Layout, little-endian: docs/recordings.md. The file is written beside its name and renamed when
 * it is complete, so that a name never holds half a recording.
 */
#ifndef VIRTSIM_SIM_RECORDING_H
#define VIRTSIM_SIM_RECORDING_H

#include "virtsim/request.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vs_recorder;

/* text: lines "key=value", for whoever reads the file. NULL: *errors says why. */
struct vs_recorder *vs_recorder_create(const char *path, unsigned n_vcpus, uint64_t seed,
                                       const char *text, struct vs_errors *errors);
/* From now on *source writes down what it hands out. */
void vs_recorder_wrap(struct vs_recorder *r, unsigned vcpu, struct vs_guest_source *source);
/* Completes the file. The sources are still the recorder's until it is freed. */
enum vs_status vs_recorder_finish(struct vs_recorder *r, struct vs_errors *errors);
/* After the sources are closed; a file that was not completed is removed. NULL is allowed. */
void vs_recorder_free(struct vs_recorder *r);

struct vs_recording;

/* The file begins as recordings do. */
bool vs_recording_is(const char *path);
struct vs_recording *vs_recording_open(const char *path, char *err, size_t err_size);
/* From memory, for tests and fuzzing; data outlives it. */
struct vs_recording *vs_recording_open_memory(const void *data, size_t size, char *err,
                                              size_t err_size);
unsigned vs_recording_vcpus(const struct vs_recording *r);
uint64_t vs_recording_seed(const struct vs_recording *r);
uint64_t vs_recording_hash(const struct vs_recording *r); /* XXH64 of the file */
/* The value of the nth line (from 0) with this key; false: there is none. */
bool vs_recording_text(const struct vs_recording *r, const char *key, unsigned nth, char *out,
                       size_t bytes);
/* Requests that recordings have: their kinds are below this. */
unsigned vs_recording_codes(void);
/* Whether any of its programs asks for this; without memory: false. */
bool vs_recording_asks(struct vs_recording *r, enum vs_req kind);
const char *vs_recording_name(const struct vs_recording *r);
/* machine[i]: which of the recorded virtual machines, from 0, vCPU i belongs to. */
void vs_recording_machines(const struct vs_recording *r, unsigned *machine);
/* The program of one vCPU; the recording outlives it. first: the run's vCPU that is the recording's
 * vCPU 0; the others follow it. */
void vs_recording_source(struct vs_recording *r, unsigned vcpu, unsigned first,
                         struct vs_guest_source *out);
void vs_recording_close(struct vs_recording *r); /* NULL is allowed */

#ifdef __cplusplus
}
#endif
#endif
