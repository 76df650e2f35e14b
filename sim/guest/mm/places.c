/* SPDX-License-Identifier: MIT */
/*
 * Regions whose program said where they lie, outside the range that the others are given: pages
 * there come at the first touch as theirs do. By address space and address; what touches or
 * overlaps is one.
 */
#include "guest/guest.h"

#include <stdlib.h>
#include <string.h>

/* The first place that ends behind `at`. */
static size_t find(const struct vs_mm *mm, unsigned process, uint64_t at)
{
    size_t low = 0, high = mm->n_places;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct vs_place *p = &mm->place[middle];
        if (p->process < process || (p->process == process && p->end <= at)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool guest_mm_place_has(const struct vs_mm *mm, unsigned process, uint64_t at)
{
    size_t i = find(mm, process, at);
    return i < mm->n_places && mm->place[i].process == process && mm->place[i].at <= at;
}

bool guest_mm_place_add(struct vs_mm *mm, unsigned process, uint64_t at, uint64_t end)
{
    size_t first = find(mm, process, at ? at - 1u : 0), last = first;
    for (; last < mm->n_places && mm->place[last].process == process && mm->place[last].at <= end;
         last++) {
        at = mm->place[last].at < at ? mm->place[last].at : at;
        end = mm->place[last].end > end ? mm->place[last].end : end;
    }
    if (first == last && mm->n_places == mm->room) {
        size_t room = mm->room ? 2u * mm->room : 16u;
        struct vs_place *grown = realloc(mm->place, room * sizeof *grown);
        if (!grown) {
            return false;
        }
        mm->place = grown;
        mm->room = room;
    }
    memmove(mm->place + first + 1, mm->place + last, (mm->n_places - last) * sizeof *mm->place);
    mm->n_places -= last - first;
    mm->place[first] = (struct vs_place){at, end, process};
    mm->n_places++;
    return true;
}
