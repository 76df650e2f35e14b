/* SPDX-License-Identifier: MIT */
#include "cmd.h"

#include "lua/watch.h"
#include "virtsim/version.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *text;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", "run a Lua workload on a machine", cmd_run},
    {"replay", "replay a recorded trace on a machine", cmd_run},
    {"sweep", "run every combination of varied knobs", cmd_sweep},
    {"explain", "where the time of one operation goes", cmd_explain},
    {"compare", "the documents' numbers beside the simulation's", cmd_compare},
    {"show", "a stored run again", cmd_show},
    {"diff", "two stored runs side by side", cmd_diff},
    {"list",
     "runs, machines, workloads, parameters, knobs, accounts, counters, operations, formats, "
     "claims",
     cmd_list},
    {"db", "digest, check or merge databases", cmd_db},
};
#define N (sizeof commands / sizeof commands[0])

static int usage(FILE *f, int status)
{
    fputs("usage: virtsim COMMAND [OPTION...]\n\n", f);
    for (size_t i = 0; i < N; i++) {
        fprintf(f, "  %-8s %s\n", commands[i].name, commands[i].text);
    }
    fputs("\nvirtsim COMMAND --help explains a command; virtsim --version says what this is.\n", f);
    return status;
}

int main(int argc, char **argv)
{
    argp_err_exit_status = EXIT_REQUEST;
    vs_watch_at_last(last_resort);
    if (argc < 2) {
        return usage(stderr, EXIT_REQUEST);
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        return usage(stdout, EXIT_DONE);
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
        printf("virtsim %s (%s%s)\n", VS_VERSION, VS_COMMIT, VS_DIRTY ? ", modified" : "");
        return EXIT_DONE;
    }
    const char *names[N];
    for (size_t i = 0; i < N; i++) {
        names[i] = commands[i].name;
        if (!strcmp(argv[1], names[i])) {
            int status = commands[i].run(argc - 1, argv + 1);
            /* a full disk behind stdout must not look like success */
            if (fflush(stdout) || ferror(stdout)) {
                fputs("virtsim: cannot write the output\n", stderr);
                return status ? status : EXIT_RUNTIME;
            }
            return status;
        }
    }
    const char *near = vs_nearest(argv[1], names, N);
    fprintf(stderr,
            near ? "virtsim: unknown command '%s'; did you mean '%s'?\n"
                 : "virtsim: unknown command '%s'; 'virtsim --help' lists them\n",
            argv[1], near);
    return EXIT_REQUEST;
}
