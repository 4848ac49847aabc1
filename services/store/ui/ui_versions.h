/* Two versions of an elevation's parts list side by side, for its page. */
#ifndef LOGIKALD_SERVICES_STORE_UI_UI_VERSIONS_H
#define LOGIKALD_SERVICES_STORE_UI_UI_VERSIONS_H

#include "services/store/db/pool.h"

/* (elevation, from or NULL = the one before, to or NULL = the present one): JSON; no row: there are no two versions.
 * versions: all of them; from, to: the two, NULL = there is none with this number; is_read; how many lines were added,
 * removed, changed; rows: the lines of both, each with its mark, as
 * many as the page has room for, and more: how many others there are. */
extern const struct query ui_query_versions;

#endif
