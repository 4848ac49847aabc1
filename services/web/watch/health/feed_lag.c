/* How far the feed is held back: readers see no further than the oldest transaction that still runs, and one that stays
 * open keeps what was committed since from all of them. See feed_lag.h. */
#include "services/web/watch/health/feed_lag.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/log.h"
#include "services/store/journal.h"
#include "services/store/web/feed/changes_read.h"
#include "services/web/watch/health/verdict.h"

static void on_mark(void *arg, const PGresult *result, const struct err *err)
{
    struct web *web = arg;
    web->verdict->feed.mark = NULL;
    if (!err && *PQgetvalue(result, 0, 0)) log_warning(JOURNAL_IS_ANOTHER, PQgetvalue(result, 0, 0));
}

static void take(struct web *web, struct feed_lag *f, const PGresult *result)
{
    bool was_late = f->is_late;
    f->seconds = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    snprintf(f->holder, sizeof f->holder, "%s", PQgetvalue(result, 0, 1));
    f->is_late = f->seconds >= conf_int(web->conf, SET_CHANGES_LAG);
    if (f->is_late && !was_late)
        log_warning("the feed of changes has been held back for %lld s by %s: end it (pg_terminate_backend), and set"
                    " idle_in_transaction_session_timeout; nothing is lost",
                    (long long)f->seconds, f->holder);
    f->switches = strtoll(PQgetvalue(result, 0, 3), NULL, 10);
    snprintf(f->switched, sizeof f->switched, "%s", PQgetvalue(result, 0, 4));
    if (*PQgetvalue(result, 0, 2) == 't' && !f->mark)
        f->mark = pool_query(web->pool, &query_changes_mark, 0, NULL, on_mark, web);
    if (!f->is_late && was_late) log_info("the feed of changes goes on");
}

static void on_lag(void *arg, const PGresult *result, const struct err *err)
{
    struct web *web = arg;
    struct feed_lag *f = &web->verdict->feed;
    f->call = NULL;
    if (!err) take(web, f, result);
}

void feed_lag_ask(struct web *web, struct feed_lag *f)
{
    if (!f->call) f->call = pool_query(web->pool, &query_changes_lag, 0, NULL, on_lag, web);
}
