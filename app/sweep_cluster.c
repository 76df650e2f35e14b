/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "sweep_cluster.h"

#include "home.h"
#include "sweep/identity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROUP 100u  /* points a task */
#define ARRAY 1000u /* tasks a job array, Slurm's usual MaxArraySize */
#define NAMED 20u   /* parts that a message names */

/* DIR/shard-007.db: as many digits as the largest has, so that names sort as parts do. */
static void shard_path(const struct cluster *c, uint64_t part, uint64_t parts, const char *end,
                       char *out, size_t bytes)
{
    snprintf(out, bytes, "%s/shard-%0*" PRIu64 ".%s", c->folder,
             snprintf(NULL, 0, "%" PRIu64, parts), part, end);
}

/* Writes a file of the cluster's folder. */
static bool write_file(const struct cluster *c, const char *name, const char *text,
                       struct vs_errors *errors)
{
    char path[4500];
    snprintf(path, sizeof path, "%s/%s", c->folder, name);
    FILE *f = fopen(path, "w");
    bool good = f && fputs(text, f) >= 0;
    good = f && !fclose(f) && good;
    if (!good) {
        vs_error(errors, "%s: cannot be written: %s", path, strerror(errno));
    }
    return good;
}

/* A small file of the folder, for the caller to free; NULL: it is not there. */
static char *read_file(const struct cluster *c, const char *name)
{
    char path[4500], *text = NULL;
    size_t room = 0;
    snprintf(path, sizeof path, "%s/%s", c->folder, name);
    FILE *f = fopen(path, "r");
    if (f && getdelim(&text, &room, '\0', f) < 0) {
        free(text);
        text = NULL;
    }
    if (f) {
        fclose(f);
    }
    return text;
}

/* The program's first line of output, or false: it is not there or failed. */
static bool ask(const char *command, char *out, size_t bytes)
{
    FILE *f = popen(command, "r");
    bool any = f && fgets(out, (int)bytes, f);
    int status = f ? pclose(f) : -1;
    if (!any) {
        *out = '\0';
    }
    out[strcspn(out, "\n")] = '\0';
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

enum vs_status cluster_look(const struct cluster *c, struct vs_errors *errors)
{
    char text[200];
    (void)c;
    if (ask("command -v sbatch 2>/dev/null", text, sizeof text)) {
        return VS_OK;
    }
    vs_error(errors, "--slurm: there is no sbatch here, so no Slurm to submit to; 'virtsim sweep "
                     "--manifest FILE --index I/N -o SHARD.db' makes part I of N under any other "
                     "scheduler, and 'virtsim db merge' puts the shards together");
    return VS_E_INPUT;
}

/* Text as one word of a shell's. */
static void shell_quote(FILE *f, const char *text)
{
    fputc('\'', f);
    for (; *text; text++) {
        if (*text == '\'') {
            fputs("'\\''", f);
        } else {
            fputc(*text, f);
        }
    }
    fputc('\'', f);
}

/* How the folder divides the points; a folder that has been used keeps its way. */
static uint64_t parts_of(const struct cluster *c, const struct vs_sweep *s,
                         struct vs_errors *errors)
{
    char *text = read_file(c, "parts");
    uint64_t there = text ? strtoull(text, NULL, 10) : 0, group = c->group ? c->group : GROUP;
    uint64_t parts = (s->points + group - 1) / group;
    free(text);
    if (there && c->group && there != parts) {
        vs_error(errors,
                 "%s: its sweep is divided into %" PRIu64 " parts already; leave --group out, or "
                 "give another folder",
                 c->folder, there);
        return 0;
    }
    return there ? there : parts;
}

/* Makes the folder, or sees that it is of this sweep. */
static bool prepare(const struct cluster *c, struct vs_errors *errors)
{
    if (mkdir(c->folder, 0777) && errno != EEXIST) {
        vs_error(errors, "%s: cannot be made: %s", c->folder, strerror(errno));
        return false;
    }
    char *text = read_file(c, "manifest.lua");
    bool same = !text || !strcmp(text, c->manifest);
    if (!same) {
        vs_error(errors, "%s: holds another sweep; give another folder", c->folder);
    }
    bool good = same && (text || write_file(c, "manifest.lua", c->manifest, errors));
    free(text);
    return good;
}

/* The jobs of before are over. */
static bool idle(const struct cluster *c, struct vs_errors *errors)
{
    char *ids = read_file(c, "jobs"), command[4600], left[200];
    bool good = true;
    if (ids) {
        ids[strcspn(ids, "\n")] = '\0';
        snprintf(command, sizeof command, "squeue -h -o %%i -j '%.4000s' 2>/dev/null", ids);
        (void)ask(command, left, sizeof left);
        good = !*left;
        if (!good) {
            vs_error(errors,
                     "%s: its jobs %s are still in the queue; wait for them, or scancel them first",
                     c->folder, ids);
        }
    }
    free(ids);
    return good;
}

/* Says whether a part has been run to its end. */
static bool is_done(const struct cluster *c, uint64_t part, uint64_t parts)
{
    char path[4500];
    shard_path(c, part, parts, "done", path, sizeof path);
    return !access(path, F_OK);
}

/* Lists the parts that are to be made, a line each; how many. */
static uint64_t write_todo(const struct cluster *c, uint64_t parts, struct vs_errors *errors)
{
    char *text = NULL;
    size_t bytes = 0;
    uint64_t n = 0;
    FILE *f = open_memstream(&text, &bytes);
    for (uint64_t i = 1; f && i <= parts; i++) {
        if (!is_done(c, i, parts)) {
            fprintf(f, "%" PRIu64 "\n", i);
            n++;
        }
    }
    bool good = f && !fclose(f) && write_file(c, "todo", text, errors);
    free(text);
    return good ? n : UINT64_MAX;
}

/* Writes how this program is called on another machine. */
static void write_program(FILE *f)
{
    char self[4096] = "virtsim";
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 7] = '\0';
    fputs("VIRTSIM_HOME=", f);
    shell_quote(f, vs_home());
    fputs("; export VIRTSIM_HOME\nvirtsim=", f);
    shell_quote(f, self);
    fputs("\n", f);
}

/* The scripts that Slurm runs: one for each part, and one that gathers them. */
static bool write_scripts(const struct cluster *c, const struct vs_sweep *s, uint64_t parts,
                          struct vs_errors *errors)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *f = open_memstream(&text, &bytes);
    if (!f) {
        return false;
    }
    fprintf(f, "#!/bin/sh\n#SBATCH --job-name=%s\n# $1: line of todo before the first task's\n",
            s->name);
    fputs("folder=", f);
    shell_quote(f, c->folder);
    fputs("\n", f);
    write_program(f);
    fprintf(f,
            "part=$(sed -n \"$(($1 + SLURM_ARRAY_TASK_ID))p\" \"$folder/todo\")\n"
            "shard=$folder/shard-$(printf %%0%dd \"$part\")\n"
            "\"$virtsim\" sweep --manifest \"$folder/manifest.lua\" --index \"$part/%" PRIu64
            "\" -j %u --quiet -o \"$shard.db\" >\"$shard.log\" 2>&1 && : >\"$shard.done\"\n",
            snprintf(NULL, 0, "%" PRIu64, parts), parts, c->jobs);
    bool good = !fclose(f) && write_file(c, "task.sh", text, errors);
    free(text);
    f = good ? open_memstream(&text, &bytes) : NULL;
    if (!f) {
        return false;
    }
    fprintf(f, "#!/bin/sh\n#SBATCH --job-name=%s-gather\nfolder=", s->name);
    shell_quote(f, c->folder);
    fputs("\n", f);
    write_program(f);
    fputs("\"$virtsim\" sweep --manifest \"$folder/manifest.lua\" --gather \"$folder\" --db ", f);
    shell_quote(f, c->db);
    fputs(" >\"$folder/gather.log\" 2>&1\n", f);
    good = !fclose(f) && write_file(c, "gather.sh", text, errors);
    free(text);
    return good;
}

/* sbatch with these arguments; the job's number, "" and an error when it refused. */
static void submit(const struct cluster *c, const char *arguments, const char *script,
                   const char *more, char *id, size_t bytes, struct vs_errors *errors)
{
    char *command = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&command, &n);
    *id = '\0';
    if (!f) {
        vs_error(errors, "--slurm: out of memory");
        return;
    }
    fprintf(f, "sbatch --parsable --output=/dev/null %s %s ", c->options ? c->options : "",
            arguments);
    char path[4500];
    snprintf(path, sizeof path, "%s/%s", c->folder, script);
    shell_quote(f, path);
    fprintf(f, " %s", more);
    fclose(f);
    fflush(NULL);
    if (!ask(command, id, bytes) || !*id) {
        vs_error(errors, "--slurm: '%s' failed", command);
        *id = '\0';
    }
    id[strcspn(id, ";")] = '\0'; /* behind it: the cluster's name */
    free(command);
}

/* All arrays and what gathers them; their numbers into the folder. */
static enum vs_status submit_all(const struct cluster *c, uint64_t n, struct vs_errors *errors)
{
    char ids[4000] = "", id[64], arguments[4200], more[32];
    size_t at = 0;
    for (uint64_t first = 0; first < n; first += ARRAY) {
        uint64_t k = n - first < ARRAY ? n - first : ARRAY;
        snprintf(arguments, sizeof arguments, "--array=1-%" PRIu64, k);
        snprintf(more, sizeof more, "%" PRIu64, first);
        submit(c, arguments, "task.sh", more, id, sizeof id, errors);
        if (!*id || at + strlen(id) + 2 > sizeof ids) {
            return VS_E_RUN;
        }
        at += (size_t)snprintf(ids + at, sizeof ids - at, "%s%s", at ? "," : "", id);
        (void)write_file(c, "jobs", ids, errors); /* what is submitted is known, whatever follows */
        printf("submitted %" PRIu64 " tasks as job array %s\n", k, id);
    }
    int start = snprintf(arguments, sizeof arguments, "--dependency=afterany:%s", ids);
    for (char *p = arguments + 13; p < arguments + start; p++) {
        *p = *p == ',' ? ':' : *p;
    }
    submit(c, arguments, "gather.sh", "", id, sizeof id, errors);
    if (!*id) {
        return VS_E_RUN;
    }
    snprintf(ids + at, sizeof ids - at, ",%s", id);
    printf("and job %s, which gathers them into %s\n", id, c->db);
    return write_file(c, "jobs", ids, errors) ? VS_OK : VS_E_IO;
}

enum vs_status cluster_submit(const struct cluster *c, const struct vs_sweep *s,
                              struct vs_errors *errors)
{
    char number[32];
    if (!prepare(c, errors)) {
        return VS_E_INPUT;
    }
    uint64_t parts = parts_of(c, s, errors);
    snprintf(number, sizeof number, "%" PRIu64 "\n", parts);
    if (!parts || !idle(c, errors)) {
        return VS_E_INPUT;
    }
    uint64_t n = write_file(c, "parts", number, errors) ? write_todo(c, parts, errors) : UINT64_MAX;
    if (n == UINT64_MAX || !write_scripts(c, s, parts, errors)) {
        return VS_E_IO;
    }
    printf("%s: %zu points in %" PRIu64 " parts, %" PRIu64 " of them done\n", c->folder, s->points,
           parts, parts - n);
    if (!n) {
        printf("nothing to submit; 'virtsim sweep --manifest %s/manifest.lua --gather %s --db %s' "
               "gathers them\n",
               c->folder, c->folder, c->db);
        return VS_OK;
    }
    return submit_all(c, n, errors);
}

/* Which builds made a shard's points; "" when it has none. */
static void builds_of(const char *path, char *out, size_t bytes)
{
    char err[5200];
    struct vs_db *db = NULL;
    *out = '\0';
    if (vs_db_open(path, false, &db, err, sizeof err)) {
        return;
    }
    sqlite3_stmt *st =
        vs_db_query(db, "SELECT group_concat(value, '; ') FROM (SELECT DISTINCT "
                        "value FROM provenance WHERE key = '" VS_BUILD_KEY "' ORDER BY 1)");
    if (vs_db_row(db, st) && sqlite3_column_text(st, 0)) {
        snprintf(out, bytes, "%s", sqlite3_column_text(st, 0));
    }
    sqlite3_finalize(st);
    vs_db_close(db);
}

/* All shards were made by one version of the program. */
static bool of_one_build(const struct cluster *c, uint64_t parts, struct vs_errors *errors)
{
    char first[600] = "", first_path[4500] = "", build[600], path[4500];
    for (uint64_t i = 1; i <= parts; i++) {
        shard_path(c, i, parts, "db", path, sizeof path);
        if (access(path, F_OK)) {
            continue;
        }
        builds_of(path, build, sizeof build);
        if (*build && !*first) {
            snprintf(first, sizeof first, "%s", build);
            snprintf(first_path, sizeof first_path, "%s", path);
        } else if (*build && strcmp(first, build) != 0) {
            vs_error(errors,
                     "%s was made by version %s, %s by %s: remove one with its .done, and submit "
                     "again; or 'virtsim db merge', which keeps them apart",
                     first_path, first, path, build);
            return false;
        }
    }
    return true;
}

enum vs_status cluster_gather(const struct cluster *c, const struct vs_sweep *s, struct vs_db *db,
                              struct vs_errors *errors)
{
    uint64_t parts = parts_of(c, s, errors), missing = 0;
    char path[4500], names[NAMED * 24] = "";
    size_t at = 0;
    char *text = read_file(c, "manifest.lua");
    if (!text) {
        vs_error(errors, "--gather %s: there is no manifest.lua in it", c->folder);
        return VS_E_INPUT;
    }
    free(text);
    if (!of_one_build(c, parts, errors)) {
        return VS_E_INPUT;
    }
    for (uint64_t i = 1; i <= parts; i++) {
        shard_path(c, i, parts, "db", path, sizeof path);
        bool there = !access(path, F_OK), done = is_done(c, i, parts);
        if (!done) {
            if (missing++ < NAMED) {
                at += (size_t)snprintf(names + at, sizeof names - at, "%s%" PRIu64, at ? ", " : "",
                                       i);
            }
        }
        if (there && (!missing || c->partial) && vs_db_merge(db, path)) {
            vs_error(errors, "%s", vs_db_error(db));
            return VS_E_IO;
        }
    }
    if (missing) {
        vs_error(errors,
                 "%s: %" PRIu64 " of %" PRIu64 " parts are not done: %s%s; their .log says why, "
                 "--slurm %s submits them again%s",
                 c->folder, missing, parts, names, missing > NAMED ? ", ..." : "", c->folder,
                 c->partial ? ""
                            : "; gathered is what stands before the first of them, --partial "
                              "takes all there is");
        return VS_E_RUN;
    }
    return VS_OK;
}
