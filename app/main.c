/* SPDX-License-Identifier: MIT */
#include "cmd.h"
#include "paper.h"

#include "lua/watch.h"
#include "machine/platform.h"
#include "renames.h"
#include "sweep/pool.h"
#include "virtsim/ending.h"
#include "virtsim/version.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    {"curve", "a structure's misses at every size, by one pass", cmd_curve},
    {"top", "where in the program a stored run's time went", cmd_top},
    {"plot", "figures of stored runs for papers: SVG, PDF", cmd_plot},
    {"list", "what there is: machines, workloads, knobs, operations, runs, ...", cmd_list},
    {"db", "digest, check, merge or upgrade databases", cmd_db},
};
#define N (sizeof commands / sizeof commands[0])

/* Prints all commands. */
static int usage(FILE *f, int status)
{
    fputs("usage: virtsim COMMAND [OPTION...]\n\n", f);
    for (size_t i = 0; i < N; i++) {
        fprintf(f, "  %-8s %s\n", commands[i].name, commands[i].text);
    }
    fputs("\n'virtsim help COMMAND' explains a command; 'virtsim --version' says what this is.\n",
          f);
    return status;
}

/* What the process ends with; a help text ends it with 0, from inside the parser. */
static int status_at_end = EXIT_DONE;

/* The last thing, however the process ends: a full disk behind stdout must not look like success.
 */
static void close_output(void)
{
    bool bad = ferror(stdout) != 0;
    errno = 0;
    bool unwritten = fclose(stdout) != 0;
    paper_end();
    if (unwritten || bad) {
        fprintf(stderr, "virtsim: cannot write the output%s%s\n", errno ? ": " : "",
                errno ? strerror(errno) : "");
        _exit(status_at_end ? status_at_end : EXIT_RUNTIME);
    }
}

/* Calls the command that the first word names. */
static int dispatch(int argc, char **argv)
{
    argp_err_exit_status = EXIT_REQUEST;
    vs_watch_at_last(last_resort);
    if (argc < 2) {
        return usage(stderr, EXIT_REQUEST);
    }
    bool help = !strcmp(argv[1], "help");
    static char asked[] = "--help";
    char *help_of[] = {argc > 2 ? argv[2] : NULL, asked, NULL};
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || (help && argc < 3)) {
        return usage(stdout, EXIT_DONE);
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
        printf("virtsim %s (%s%s)\n", VS_VERSION, VS_COMMIT, VS_DIRTY ? ", modified" : "");
        return EXIT_DONE;
    }
    const char *names[N];
    for (size_t i = 0; i < N; i++) {
        names[i] = commands[i].name;
        if (!strcmp(argv[help ? 2 : 1], names[i])) {
            return help ? commands[i].run(2, help_of) : commands[i].run(argc - 1, argv + 1);
        }
    }
    char hint[VS_SUGGEST];
    fprintf(
        stderr, "virtsim: unknown command '%s'; %s\n", argv[help ? 2 : 1],
        vs_suggest(argv[help ? 2 : 1], names, N, "'virtsim --help' lists them", hint, sizeof hint));
    return EXIT_REQUEST;
}

/* The limit of scripts, where the environment has another one. */
static bool script_seconds(void)
{
    const char *asked = getenv("VIRTSIM_SCRIPT_SECONDS");
    bool good = !asked || vs_watch_limit_from(asked);
    if (!good) {
        fprintf(stderr, "virtsim: VIRTSIM_SCRIPT_SECONDS=%s: whole seconds from 1 to %d\n", asked,
                VS_WATCH_MOST_SECONDS);
    }
    return good;
}

/* A database is waited for. */
static void locked(const char *path, long pid, int ms)
{
    char who[40] = "another process";
    if (pid) {
        snprintf(who, sizeof who, "process %ld", pid);
    }
    progress_clear();
    fprintf(stderr, "virtsim: %s: %s keeps it locked; waiting for up to %d s\n", path, who,
            ms / 1000);
}

/* Sets up what every command needs, calls the command and gives its status. */
int main(int argc, char **argv)
{
    vs_ending_watch();
    message_command(argc, argv);
    vs_knobs_renamed_by(vs_renamed_knobs, vs_renamed_part);
    vs_operations();
    vs_db_renamed_by(vs_renames);
    vs_db_waits_by(progress_waiting);
    vs_pool_waits_by(progress_waiting);
    vs_db_locked_by(locked);
    if (atexit(close_output)) {
        return EXIT_RUNTIME;
    }
    status_at_end = script_seconds() ? dispatch(argc, argv) : EXIT_REQUEST;
    return status_at_end;
}
