/* SPDX-License-Identifier: MIT */
/* Options and help of the commands: what each takes, with examples, and what a wrong one meant. */
#ifndef VIRTSIM_APP_HELP_H
#define VIRTSIM_APP_HELP_H

#include <argp.h>
#include <stdbool.h>

/* Whether a command takes an option of those that run, replay, sweep and explain share. */
bool help_offers(const char *command, const char *option);
/* Parses with argp; wrong options exit with status 2. --help ends in the command's examples. */
int parse(const struct argp *a, int argc, char **argv, void *input);

#endif
