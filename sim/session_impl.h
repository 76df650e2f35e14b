/* SPDX-License-Identifier: MIT */
/* What the files of a session share. */
#ifndef VIRTSIM_SIM_SESSION_IMPL_H
#define VIRTSIM_SIM_SESSION_IMPL_H

#include "session.h"

#include "programs.h"

struct vs_session {
    struct vs_session_request request;
    struct vs_knobs *knobs;
    struct vs_programs programs;
    struct vs_recorder *recorder;
    struct vs_platform *platform;
    bool text_full;
    enum vs_status wrong; /* a setting: what else is wrong is looked for all the same */
    double wall_s, cpu_s;
    char started[32];
    struct vs_machine_info machine; /* which loading fills */
    char text[32768];               /* of a recording: what made it */
};

#endif
