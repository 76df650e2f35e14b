/* SPDX-License-Identifier: MIT */
/* Subcommands and what they share: options of a request, error reporting, progress. */
#ifndef VIRTSIM_APP_CMD_H
#define VIRTSIM_APP_CMD_H

#include "help.h"
#include "out.h"
#include "progress.h"
#include "session.h"

#include <argp.h>

enum { EXIT_DONE = 0, EXIT_RUNTIME = 1, EXIT_REQUEST = 2 };

#define DEFAULT_DB "results/virtsim.db" /* for help texts; usual_db() is the one */
#define REQUEST_SETS 256
#define REQUEST_FURTHER 63

/* Options that run, replay, sweep and explain share. */
struct request {
    struct vs_session_request session;
    const char *sets[REQUEST_SETS];
    const char *further[REQUEST_FURTHER];
    char *elf; /* of the session */
    const char *db;
    enum out_format format;
    unsigned seeds;
    bool dry_run, quiet, no_store;
    struct vs_errors errors;
};

int cmd_run(int argc, char **argv); /* run and replay */
int cmd_sweep(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_plot(int argc, char **argv);
int cmd_curve(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_db(int argc, char **argv);

/* The database of a command without --db: $VIRTSIM_DB, else DEFAULT_DB. */
const char *usual_db(void);
void request_init(struct request *r, int argc, char **argv);
/* The shared options as an argp child parser; input is struct request *. */
extern const struct argp request_argp;
/* Refuses what only a trace has when the input is a workload. */
void request_trace_options(struct request *r);
/* Tells of settings that cannot have an effect on the machine: they are no mistake where one list
 * of settings is run on many machines. */
void request_warn_idle(const struct vs_session *s);
/* What a reader of the results should know of the inputs. */
void request_remarks(const struct vs_session *s);
/* Opens its database, or one in memory; a request that is refused already (`so_far`) makes none,
 * but what is wrong with the database belongs to its report. `so_far`, or what is wrong. */
enum vs_status request_open(struct request *r, enum vs_status so_far, bool create,
                            struct vs_db **db);
void request_free(struct request *r);

/* What is running, for messages: none advises to do what was just done. */
void message_command(int argc, char **argv);
/* One line on stderr. */
void message(const char *text);
/* Prints every collected mistake ("virtsim: ..."), frees the list, returns the status for exit. */
int report(struct vs_errors *errors, enum vs_status status, bool started);
/* Ends the process whatever Lua does (vs_watch_at_last): says the line, removes what is not whole.
 */
void last_resort(const char *line, size_t bytes, bool started);
/* Rows that could not be read, a damaged file: says so and returns EXIT_RUNTIME, else `status`. */
int unread(struct vs_db *db, int status);
/* The summary of one stored run: show prints it with the counters, run and replay without. */
int print_run(struct vs_db *db, int64_t run, enum out_format format, bool counters);

/* list_workloads.c: what the shipped workloads do, and what each can be told. */
struct out *list_workloads(enum out_format format, struct vs_errors *errors);
struct out *list_parameters(enum out_format format, struct vs_errors *errors);
/* list_programs.c: what hypervisors and kernels do; NULL: all that are shipped. */
struct out *list_programs(enum out_format format, const char *software, struct vs_errors *errors);
/* list_facts.c: what a machine has; NULL: what every architecture has. Whether a word is the name
 * of a shipped machine, or of a machine's file. */
struct out *list_facts(enum out_format format, const char *machine, struct vs_errors *errors);
bool list_is_machine(const char *word);
/* list_assumed.c: a stored run (0: the newest) with temp.decides (path, ps), what each knob prices,
 * and temp.whole (run, ps), what all of them do; NULL and why. */
struct vs_db *list_assumed(const char *file, int64_t run, struct vs_errors *errors);

#endif
