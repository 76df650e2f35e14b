/* SPDX-License-Identifier: MIT */
/* The comparison as one page of HTML that needs nothing else. */
#ifndef VIRTSIM_APP_COMPARE_PAGE_H
#define VIRTSIM_APP_COMPARE_PAGE_H

#include "db/db.h"

/* Every claim of a domain (NULL: all), compared or not. 0, or errno of what went wrong with the
 * file; rows that could not be read vs_db_unread tells. */
int compare_page(struct vs_db *db, const char *path, const char *domain);

#endif
