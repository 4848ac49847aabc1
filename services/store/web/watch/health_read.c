/* Statements that ask how the database is. */
#include "services/store/web/watch/health_read.h"

#include "services/store/db/db_session.h"
#include "services/store/shape.h"

const struct query query_ping = {.name = "ping", .sql = db_session_look};

const struct query query_room = {.name = "room", .sql = "SELECT logikald_room()"};

const struct query query_shape = {.name = "shape", .sql = shape_sql};

const struct query query_has_migrations = {
    .name = "has_migrations",
    .sql = "SELECT to_regclass('logikald_migrations') IS NOT NULL",
};

const struct query query_migrations = {
    .name = "migrations",
    .sql = "SELECT count(*) FILTER (WHERE applied.name IS NULL), count(*) FILTER (WHERE ours.name IS NULL),"
           " min(ours.name) FILTER (WHERE applied.name IS NULL)"
           " FROM unnest($1::text[]) AS ours(name) FULL JOIN logikald_migrations applied ON applied.name = ours.name",
};
