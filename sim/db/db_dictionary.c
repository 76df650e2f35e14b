/* SPDX-License-Identifier: MIT */
/*
 * Dictionaries of knobs. Of a thousand knobs of a run nearly all are as the program declares them:
 * what that is stands in the database once for all runs that have the same ones, under the hash of
 * it, so that programs that declare other things have another dictionary beside it.
 */
#include "db_impl.h"

#include <string.h>

#include <xxhash.h>

/* Goes on with a hash over a text and its end. */
static uint64_t with_text(uint64_t hash, const char *text)
{
    return XXH3_64bits_withSeed(text, strlen(text) + 1u, hash);
}

int64_t vs__db_dictionary(const struct vs_knobs *knobs)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < vs_knobs_count(knobs); i++) {
        const struct vs_knob *k = vs_knobs_at(knobs, i);
        const struct vs_knob_desc *d = k->desc;
        if (!k->added) {
            hash = with_text(hash ^ d->def, d->path);
            hash = with_text(hash + (uint64_t)d->grade, d->unit);
            hash = with_text(hash, d->source);
            /* a value's text is one of them; others are numbers */
            hash = d->kind == VS_KNOB_CHOICE && d->choices ? with_text(hash, d->choices) : hash;
        }
    }
    return (int64_t)(hash >> 1) | 1; /* positive, never 0 */
}

bool vs__db_has_dictionary(struct vs_db *db, int64_t dictionary)
{
    sqlite3_stmt *st = NULL;
    if (db->dictionary == dictionary) {
        return true;
    }
    bool has =
        sqlite3_prepare_v2(db->sql, "SELECT 1 FROM knob_declared WHERE dictionary = ?1 LIMIT 1", -1,
                           &st, NULL) == SQLITE_OK &&
        sqlite3_bind_int64(st, 1, dictionary) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW;
    sqlite3_finalize(st);
    db->dictionary = dictionary;
    return has;
}

bool vs__db_as_declared(const struct vs_knob *knob)
{
    return !knob->added && !knob->set_by && !knob->source && knob->value == knob->desc->def &&
           knob->grade == knob->desc->grade;
}
