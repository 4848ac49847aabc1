/* Objects of all kinds in one table: by words, kind, state and directory, sorted, page by page. Statements for
 * pool_query; all parameters are text, NULL or "" = absent:
 *
 *   1 words in any order, without accents; each stands in the object's texts or in those of what it lies in, and one of
 *     them in its own
 *   2 kind: directory, project, phase, elevation
 *   3 state: failing, waiting (a parts list that is still to be read), old, excluded, gone, all (also what is gone)
 *   4 directory (id), with all that lies below it
 *   5 order: name, changed, read, each with - before it for the other way round
 *   6 how many, 7 how many before them */
#ifndef LOGIKALD_SERVICES_STORE_UI_UI_FIND_H
#define LOGIKALD_SERVICES_STORE_UI_UI_FIND_H

#include "services/store/db/pool.h"

/* {total, stored, gone, rows: [{kind, id, name, url, way: [{name, url}], job, offer, person, amount, width, height,
 * described, parts, parts_tone, is_failing, error, is_excluded, changed, read, gone_at}]}. total: that match; stored:
 * of this kind in all; gone: that match, and are gone. */
extern const struct query ui_query_find;
extern const struct query ui_query_find_csv; /* the first 6 parameters; a line of names, and a line each */

/* (directory) {list: [{id, name, is_here}], more}: for choosing one, the open one among them. */
extern const struct query ui_query_find_directories;

#endif
