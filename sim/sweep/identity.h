/* SPDX-License-Identifier: MIT */
/*
 * What a point is: a hash over the content of its inputs, the machine's name, every knob with its
 * effective value, the seed, and the options that shape a run. Two requests of one identity give
 * the same numbers, whoever set the values and whatever the files are called. The program is not in
 * it: which build made a run stands beside it, so that a point of another version is known as that.
 */
#ifndef VIRTSIM_SIM_SWEEP_IDENTITY_H
#define VIRTSIM_SIM_SWEEP_IDENTITY_H

#include "session.h"

#define VS_IDENTITY_BYTES 16u
#define VS_IDENTITY_TEXT 33u /* in hexadecimal, with its end */

#define VS_IDENTITY_KEY "point" /* of provenance: the identity */
#define VS_BUILD_KEY "build"    /* of provenance: vs_build() */

/* Of a prepared session that was made of this request. Contents are read once in a process. */
enum vs_status vs_identity(const struct vs_session *s, const struct vs_session_request *r,
                           unsigned char out[VS_IDENTITY_BYTES], struct vs_errors *errors);
const char *vs_identity_text(const unsigned char identity[VS_IDENTITY_BYTES],
                             char out[VS_IDENTITY_TEXT]);
/* Version and commit of this program; of one with changes that are in no commit its own hash, too.
 */
const char *vs_build(void);

#endif
