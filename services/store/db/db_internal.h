/* A blocking connection as its own files see it. */
#ifndef LOGIKALD_SERVICES_STORE_DB_DB_INTERNAL_H
#define LOGIKALD_SERVICES_STORE_DB_DB_INTERNAL_H

#include "services/store/db/db.h"
#include "services/store/db/db_session.h"

#define DB_OFTEN    8    /* statements of one connection that the server keeps a plan of */
#define DB_SLACK_MS 5000 /* beyond the statement timeout, by which the server answers itself */

struct db {
    PGconn *conn;
    PQconninfoOption *url;
    struct db_session_want want;
    char application[64], schema[64], run_id[DB_NUMBER_SIZE], task_id[128];
    struct db_session session;
    char *sql;           /* makes the settings in each transaction; NULL = the session has them */
    int64_t patience_ms; /* after which a statement that may take long is asked after; 0 = never */
    char now[200];       /* how the statement that is under way begins */
    const char *given_up;
    char state[6];               /* SQLSTATE of the last failure */
    const char *often[DB_OFTEN]; /* texts of db_query_often that are prepared, as "often0", "often1", ... */
    int often_uses[DB_OFTEN];
    bool is_unprepared; /* what was prepared got lost, or did not fit any more: no more of it */
};

/* The server's or libpq's message, first line only, without "ERROR:  " in front. */
void db_message_line(const char *message, char *out, size_t size);

#endif
