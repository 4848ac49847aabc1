/* Dialling PostgreSQL: see pool_dial.h. libpq is given addresses, so that it never asks a resolver itself (it would
 * block the loop); the names stay beside them, for TLS and passwords. */
#include "services/store/db/pool_dial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/dial.h"
#include "ipc/resolve.h"

#define HOSTS_MAX    8
#define ATTEMPTS_MAX 64

struct host {
    struct pool_dial *dial;
    char name[256], port[8];
    struct resolve *resolve; /* being resolved */
    struct addresses addresses;
    int tried;
    bool is_plain; /* a socket, or libpq's default: nothing to resolve */
};

struct pool_attempt {
    struct pool_dial *dial;
    struct host *host;
    char address[INET6_ADDRSTRLEN];
    PGconn *pg; /* NULL = over */
    struct event *event;
    bool has_options;
    enum { LOOK_NO, LOOK_SESSION, LOOK_BEGIN, LOOK_END } look_at; /* what is asked once it is connected */
    PGresult *look;
    struct pool_dialled found; /* what it is so far */
};

struct pool_dial {
    struct event_base *base;
    const PQconninfoOption *url;
    const struct db_session_want *want;
    pool_dial_fn fn;
    void *arg;
    struct host hosts[HOSTS_MAX];
    struct pool_attempt attempts[ATTEMPTS_MAX];
    int host_count, started, open;
    bool has_begun;
    bool is_impatient; /* the pace has passed once: hosts whose names are still being resolved are overtaken */
    struct pool_dialled reserve; /* a standby, while there may be a primary among the others */
    bool has_waited;             /* since then, for those that are still connecting */
    struct event *pace;
    char why[400];
};

/* ---- life ---- */

static void attempt_end(struct pool_attempt *a)
{
    if (a->event) event_free(a->event);
    PQclear(a->look);
    free(a->found.sql);
    a->found.sql = NULL;
    if (a->pg) {
        PQfinish(a->pg);
        a->dial->open--;
    }
    a->event = NULL;
    a->look = NULL;
    a->pg = NULL;
}

void pool_dial_cancel(struct pool_dial *d)
{
    if (!d) return;
    for (int i = 0; i < d->host_count; i++) resolve_cancel(d->hosts[i].resolve);
    for (int i = 0; i < d->started; i++) attempt_end(&d->attempts[i]);
    if (d->pace) event_free(d->pace);
    if (d->reserve.pg) PQfinish(d->reserve.pg);
    free(d->reserve.sql);
    free(d);
}

const char *pool_dial_why(const struct pool_dial *d)
{
    return d->why;
}

static void tell(struct pool_dial *d, struct pool_dialled *result)
{
    char why[sizeof d->why];
    pool_dial_fn fn = d->fn;
    void *arg = d->arg;
    memcpy(why, d->why, sizeof why);
    result->why = result->pg ? "" : why;
    pool_dial_cancel(d);
    fn(arg, result);
}

static void note(struct pool_dial *d, const char *why)
{
    if (why && *why) snprintf(d->why, sizeof d->why, "%.*s", (int)strcspn(why, "\n"), why);
}

/* ---- one attempt ---- */

static void go_on(struct pool_dial *d);
static void on_event(evutil_socket_t fd, short what, void *arg);

static bool watch(struct pool_attempt *a, short what)
{
    if (a->event) event_free(a->event);
    a->event = event_new(a->dial->base, PQsocket(a->pg), what, on_event, a);
    return a->event && event_add(a->event, NULL) == 0;
}

static bool begin(struct pool_attempt *a, bool with_options)
{
    struct pool_dial *d = a->dial;
    struct db_session_words words;
    db_session_words(&words, d->url, d->want, a->host->name[0] ? a->host->name : NULL,
                     a->address[0] ? a->address : NULL, a->host->port[0] ? a->host->port : NULL, with_options);
    a->has_options = with_options;
    a->pg = PQconnectStartParams(words.keys, words.values, 0);
    d->open += a->pg != NULL;
    if (a->pg && PQstatus(a->pg) != CONNECTION_BAD && PQsocket(a->pg) >= 0 && watch(a, EV_WRITE)) return true;
    note(d, a->pg ? PQerrorMessage(a->pg) : "no memory");
    attempt_end(a);
    return false;
}

static void failed(struct pool_attempt *a)
{
    struct pool_dial *d = a->dial;
    const char *text = PQerrorMessage(a->pg);
    bool is_refused = a->has_options && db_session_refused_options(text);
    note(d, text);
    attempt_end(a);
    if (!is_refused || !begin(a, false)) go_on(d);
}

static void refuse(struct pool_attempt *a, const char *why)
{
    struct pool_dial *d = a->dial;
    note(d, why);
    attempt_end(a);
    go_on(d);
}

static bool ask(struct pool_attempt *a, const char *sql)
{
    a->look_at++;
    PQclear(a->look);
    a->look = NULL;
    return PQsendQuery(a->pg, sql) == 1;
}

/* Of several, the primary is wanted; a standby is better than nothing, and says what it is. */
static void won(struct pool_attempt *a)
{
    struct pool_dial *d = a->dial;
    struct pool_dialled result = a->found;
    bool is_alone = d->host_count == 1 && d->hosts[0].addresses.count < 2;
    result.pg = a->pg;
    a->pg = NULL; /* handed over */
    a->found.sql = NULL;
    d->open--;
    attempt_end(a);
    if (!result.session.is_standby || is_alone) {
        tell(d, &result);
        return;
    }
    if (d->reserve.pg) {
        PQfinish(result.pg);
        free(result.sql);
    } else {
        d->reserve = result;
    }
    go_on(d);
}

/* What a pooler gives is looked at, too: in statement mode there are no transactions. */
static void learn(struct pool_attempt *a)
{
    struct err err = {0};
    db_session_learn(&a->found.session, a->pg, a->look);
    if (!a->found.session.is_pooled)
        won(a);
    else if (!(a->found.sql = db_session_sql(a->pg, a->dial->url, a->dial->want, &err)))
        refuse(a, err.text);
    else if (!ask(a, "BEGIN"))
        failed(a);
}

static void looked(struct pool_attempt *a)
{
    ExecStatusType status = PQresultStatus(a->look);
    char text[300];
    snprintf(text, sizeof text, "%s", a->look ? PQresultErrorMessage(a->look) : PQerrorMessage(a->pg));
    if (a->look_at == LOOK_BEGIN && status != PGRES_COMMAND_OK && strstr(text, "statement")) {
        refuse(a, DB_SESSION_STATEMENT_MODE);
    } else if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        refuse(a, text);
    } else if (a->look_at == LOOK_SESSION) {
        learn(a);
    } else if (a->look_at == LOOK_END) {
        won(a);
    } else if (!ask(a, "ROLLBACK")) {
        failed(a);
    }
}

/* True when all that was asked for is there. */
static bool read_look(struct pool_attempt *a)
{
    bool is_lost = PQconsumeInput(a->pg) != 1;
    while (!PQisBusy(a->pg)) {
        PGresult *result = PQgetResult(a->pg);
        if (!result) return true;
        if (a->look) {
            PQclear(result); /* the first one counts: what follows is that the connection ended */
            continue;
        }
        a->look = result;
    }
    return is_lost;
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct pool_attempt *a = arg;
    if (a->look_at != LOOK_NO) {
        if (!read_look(a)) return;
        if (a->look || PQstatus(a->pg) == CONNECTION_OK)
            looked(a);
        else
            failed(a);
        return;
    }
    PostgresPollingStatusType status = PQconnectPoll(a->pg);
    bool is_fine = status != PGRES_POLLING_FAILED;
    if (status == PGRES_POLLING_READING) is_fine = watch(a, EV_READ);
    if (status == PGRES_POLLING_WRITING) is_fine = watch(a, EV_WRITE);
    if (status == PGRES_POLLING_OK) is_fine = ask(a, db_session_look) && watch(a, EV_READ | EV_PERSIST);
    if (!is_fine) failed(a);
}

/* ---- which one next ---- */

/* The first address, in the order of the URL, that was not tried; a host that is still being resolved holds up those
 * behind it only for the pace. */
static bool next_address(struct pool_dial *d, struct pool_attempt *a)
{
    for (int i = 0; i < d->host_count; i++) {
        struct host *h = &d->hosts[i];
        if (h->resolve && !d->is_impatient) return false;
        if (h->is_plain ? h->tried > 0 : h->tried >= h->addresses.count) continue;
        *a = (struct pool_attempt){.dial = d, .host = h};
        if (!h->is_plain) memcpy(a->address, h->addresses.text[h->tried], sizeof a->address);
        h->tried++;
        return true;
    }
    return false;
}

static bool is_resolving(const struct pool_dial *d)
{
    for (int i = 0; i < d->host_count; i++)
        if (d->hosts[i].resolve) return true;
    return false;
}

static void tell_reserve(struct pool_dial *d)
{
    struct pool_dialled result = d->reserve;
    d->reserve = (struct pool_dialled){0};
    tell(d, &result);
}

static void go_on(struct pool_dial *d)
{
    bool is_begun = false;
    while (!is_begun && d->started < ATTEMPTS_MAX && next_address(d, &d->attempts[d->started]))
        is_begun = begin(&d->attempts[d->started++], true);
    if (is_begun || is_resolving(d))
        evtimer_add(d->pace, &(struct timeval){.tv_usec = DIAL_PACE_MS * 1000});
    else if (d->open == 0 || (d->reserve.pg && d->has_waited))
        tell_reserve(d);
    else if (d->reserve.pg) {
        d->has_waited = true;
        evtimer_add(d->pace, &(struct timeval){.tv_usec = DIAL_PACE_MS * 1000});
    }
}

static void on_pace(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct pool_dial *d = arg;
    d->is_impatient = d->has_begun;
    d->has_begun = true;
    go_on(d);
}

static void on_resolved(void *arg, const struct addresses *found, const char *why)
{
    struct host *h = arg;
    h->resolve = NULL;
    h->addresses = *found;
    note(h->dial, why);
    go_on(h->dial);
}

/* ---- start ---- */

/* The item of a list with commas; the last one stands for all that follow, if asked for. */
static void item(const char *list, int index, bool last_for_all, char *out, size_t size)
{
    *out = '\0';
    for (int i = 0; list; i++) {
        const char *comma = strchr(list, ',');
        if (i == index || (!comma && last_for_all && i == 0))
            snprintf(out, size, "%.*s", (int)strcspn(list, ","), list);
        list = comma ? comma + 1 : NULL;
    }
}

static int count_items(const char *list)
{
    int n = 1;
    for (; list && *list; list++) n += *list == ',';
    return n;
}

static bool add_host(struct pool_dial *d, int index)
{
    const char *names = db_session_word(d->url, "host"), *addresses = db_session_word(d->url, "hostaddr");
    struct host *h = &d->hosts[d->host_count++];
    char address[256];
    *h = (struct host){.dial = d};
    item(names, index, false, h->name, sizeof h->name);
    item(addresses, index, false, address, sizeof address);
    item(db_session_word(d->url, "port"), index, true, h->port, sizeof h->port);
    const char *wanted = address[0] ? address : h->name;
    h->is_plain = !*wanted || *wanted == '/' || *wanted == '@';
    if (h->is_plain) return true;
    h->resolve = resolve_start(d->base, wanted, on_resolved, h);
    return h->resolve != NULL;
}

struct pool_dial *pool_dial_start(struct event_base *base, const PQconninfoOption *url,
                                  const struct db_session_want *want, pool_dial_fn fn, void *arg)
{
    struct pool_dial *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    *d = (struct pool_dial){.base = base, .url = url, .want = want, .fn = fn, .arg = arg};
    snprintf(d->why, sizeof d->why, "no answer in time while connecting");
    const char *names = db_session_word(url, "host"), *addresses = db_session_word(url, "hostaddr");
    int n = count_items(names ? names : addresses);
    bool is_good = (d->pace = evtimer_new(base, on_pace, d)) != NULL;
    for (int i = 0; is_good && i < n && i < HOSTS_MAX; i++) is_good = add_host(d, i);
    if (!is_good) {
        pool_dial_cancel(d);
        return NULL;
    }
    event_active(d->pace, EV_TIMEOUT, 1); /* what needs no resolver begins in the next turn */
    return d;
}
