/* SPDX-License-Identifier: MIT */
/* Run by the build: prints the table of sim/lua/shipped.h for the machines of a home. */
#include "lua/machine.h"
#include "lua/shipped.h"

#include <inttypes.h>
#include <stdio.h>

/* A text as a literal of C. */
static void literal(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            putchar('\\');
        }
        putchar(*text);
    }
    putchar('"');
}

/* One machine's line. */
static void print(void *ctx, const struct vs_machine_info *info)
{
    (void)ctx;
    printf("    {");
    literal(info->name);
    printf(", ");
    literal(info->text);
    printf(", ");
    literal(info->calibrated);
    printf("},\n");
}

int main(int argc, char **argv)
{
    struct vs_errors errors = {NULL, 0};
    uint64_t hash = 0;
    if (argc != 2 || !vs_shipped_hash(argv[1], &hash)) {
        fprintf(stderr, "usage: machine_tables HOME\n");
        return 2;
    }
    printf("/* Made by the build of scripts/lua. */\n#include \"lua/shipped.h\"\n\n"
           "static const struct vs_shipped_machine machines[] = {\n");
    if (vs_machine_each_info(argv[1], print, NULL, &errors)) {
        for (size_t i = 0; i < errors.n; i++) {
            fprintf(stderr, "%s\n", errors.text[i]);
        }
        return 1;
    }
    printf("};\nconst struct vs_shipped vs_shipped_machines = {UINT64_C(0x%016" PRIx64
           "), machines, "
           "sizeof machines / sizeof machines[0]};\n",
           hash);
    return 0;
}
