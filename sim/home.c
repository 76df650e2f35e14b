/* SPDX-License-Identifier: MIT */
#include "home.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *vs_home(void)
{
    static const char *const candidates[] = {VS_INSTALL_HOME, VS_SOURCE_DIR};
    const char *env = getenv("VIRTSIM_HOME");
    if (env && *env) {
        return env;
    }
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
        char probe[4096];
        snprintf(probe, sizeof probe, "%s/scripts/lua", candidates[i]);
        if (!access(probe, R_OK)) {
            return candidates[i];
        }
    }
    return ".";
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
