/* The stored parts list of an elevation, a SQLite file from outside, read for showing. */
#ifndef LOGIKALD_SERVICES_WEB_UI_PARTS_H
#define LOGIKALD_SERVICES_WEB_UI_PARTS_H

#include <stddef.h>
#include <cjson/cJSON.h>

/* {tables: [{name, columns: [text], rows: [{cells: [text]}], more: bool}]} of the first tables and rows, or {error}.
 * The file is never trusted: it is opened in memory and read only, and reading ends after a fixed amount of work. The
 * caller's to delete; NULL without memory. */
cJSON *ui_parts_read(const void *bytes, size_t len);

#endif
