/* Files that are part of the program: made by scripts/embed at build time. Each table ends with a row whose path is
 * NULL. */
#ifndef LOGIKALD_CONF_EMBEDDED_H
#define LOGIKALD_CONF_EMBEDDED_H

#include <stddef.h>

struct embedded {
    const char *path;          /* relative to its folder: "fetch.lua", "0001_baseline.sql", "css/ui.css" */
    const unsigned char *data; /* NUL after the last byte, so text may be used as a string */
    size_t len;
    const char *hash; /* first 16 hex digits of the SHA-256 */
};

extern const struct embedded embedded_lua[];        /* ipc/lua */
extern const struct embedded embedded_migrations[]; /* services/store/migrations, sorted by name */
extern const struct embedded embedded_assets[];     /* services/web/ui/assets */

const struct embedded *embedded_find(const struct embedded *table, const char *path); /* NULL when absent */

#endif
