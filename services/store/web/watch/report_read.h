/* What a report for support tells of the database: a statement each, whose one cell is JSON. Nothing that the project's
 * objects hold, and no text of statements. */
#ifndef LOGIKALD_SERVICES_STORE_WEB_WATCH_REPORT_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_WATCH_REPORT_READ_H

struct report_query {
    const char *name, *sql;
};
extern const struct report_query report_queries[]; /* the last one has no name */

#endif
