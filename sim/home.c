/* SPDX-License-Identifier: MIT */
#include "home.h"

#include "lua/shipped.h"
#include "machine/software.h"
#include "virtsim/status.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Says whether a folder holds the scripts that come with the program. */
static bool has_data(const char *folder)
{
    char probe[4200];
    snprintf(probe, sizeof probe, "%s/scripts/lua", folder);
    return !access(probe, R_OK);
}

/* The folder of the program's own file; false where the system does not tell. */
static bool own_folder(char *out, size_t bytes)
{
    ssize_t n = readlink("/proc/self/exe", out, bytes - 1);
    char *slash = n > 0 ? (out[n] = '\0', strrchr(out, '/')) : NULL;
    if (slash) {
        *slash = '\0';
    }
    return slash != NULL;
}

/* Beside the program: of an installation that may have been moved, else of the tree it was built
 * in; then where it was configured to be. */
static const char *find_home(void)
{
    static char found[4096];
    static const char *const beside[] = {VS_INSTALL_DATA, ".."}, *const configured[] = {
                                                                     VS_INSTALL_HOME,
                                                                     VS_SOURCE_DIR};
    char own[2048];
    for (size_t i = 0; own_folder(own, sizeof own) && i < 2; i++) {
        snprintf(found, sizeof found, "%s/%s", own, beside[i]);
        if (has_data(found)) {
            return found;
        }
    }
    for (size_t i = 0; i < 2; i++) {
        if (has_data(configured[i])) {
            return configured[i];
        }
    }
    return ".";
}

/* The folder of machines and workloads: VIRTSIM_HOME, or found beside the program. */
const char *vs_home(void)
{
    static const char *found;
    const char *env = getenv("VIRTSIM_HOME");
    if (env && *env) {
        return env;
    }
    found = found ? found : find_home();
    return found;
}

enum vs_status vs_home_machine(const char *name, struct vs_knobs *knobs,
                               struct vs_machine_info *info, struct vs_errors *errors)
{
    return vs_shipped_load(&vs_shipped_machines, vs_software, vs_home(), name, knobs, info, errors);
}

const char *vs_home_path(const char *name, char *out, size_t bytes)
{
    if (!access(name, F_OK) || name[0] == '/') {
        snprintf(out, bytes, "%s", name);
    } else {
        snprintf(out, bytes, "%s/%s", vs_home(), name);
        if (access(out, F_OK)) {
            snprintf(out, bytes, "%s", name);
        }
    }
    return out;
}

/* Says whether a folder's entry is a Lua file. */
static int is_script(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');
    return dot && !strcmp(dot, ".lua");
}

const char *vs_home_suggest(const char *name, const char *otherwise, char *out, size_t bytes)
{
    const char *slash = strrchr(name, '/'), *dot = strrchr(slash ? slash : name, '.');
    char folder[4096] = "workloads/", at[4096], word[256];
    if (slash) {
        snprintf(folder, sizeof folder, "%.*s", (int)(slash + 1 - name), name);
        name = slash + 1;
    }
    snprintf(word, sizeof word, "%.*s", dot ? (int)(dot - name) : (int)strlen(name), name);
    struct dirent **entry = NULL;
    int n = scandir(vs_home_path(folder, at, sizeof at), &entry, is_script, alphasort);
    size_t all = n > 0 ? (size_t)n : 0;
    const char **stem = malloc((all ? all : 1) * sizeof *stem);
    for (size_t i = 0; stem && i < all; i++) {
        *strrchr(entry[i]->d_name, '.') = '\0';
        stem[i] = entry[i]->d_name;
    }
    vs_suggest_in(word, stem, stem ? all : 0, folder, ".lua", otherwise, out, bytes);
    for (size_t i = 0; i < all; i++) {
        free(entry[i]);
    }
    free(entry);
    free(stem);
    return out;
}
