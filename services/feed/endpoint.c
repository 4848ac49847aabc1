/* An endpoint in a deliverer's hands: takes its lease, makes its next body, signs and posts it, settles the try. */
#include "services/feed/endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/machine/random.h"
#include "services/feed/format.h"
#include "services/feed/retry.h"
#include "services/feed/sign.h"
#include "services/store/db/db.h"
#include "services/store/journal.h"
#include "services/store/owner.h"
#include "services/store/seal.h"

#define PAGE        200
#define PAGE_SINGLY 50 /* where each change is a POST */
#define HOUR_MS     3600000
#define SLACK_MS    15000 /* that a lease lasts longer than a POST may take */
#define TOLD_MS     60000 /* between two lines of the log about secrets */

/* Ours already is one whose acquiring was not answered, since the connection was lost. */
static int take_lease(struct db *db, struct lease *lease, const char *name, const char *owner, int64_t ttl_ms,
                      struct err *err)
{
    char holder[LEASE_OWNER_SIZE];
    int rc = owner_take_lease(db, lease, name, owner, ttl_ms, err);
    if (rc != -ERR_CONFLICT || lease_holder(db, name, holder, NULL) != 1 || strcmp(holder, owner) != 0) return rc;
    if (lease_break(db, name, holder, err) < 0) return -ERR_DB;
    return lease_acquire(db, lease, name, owner, ttl_ms, err);
}

int endpoint_take(struct endpoint *e, struct db *db, const struct conf *conf, int64_t id, const char *owner,
                  struct err *err)
{
    char name[64];
    struct err why = {0};
    *e = (struct endpoint){0};
    snprintf(name, sizeof name, "webhook:%lld", (long long)id);
    int rc = take_lease(db, &e->lease, name, owner, conf_int(conf, SET_WEBHOOK_TIMEOUT) * 1000 + SLACK_MS, &why);
    if (rc == -ERR_CONFLICT) return 0;
    if (rc < 0) return err_set(err, why.code, "%s", why.text);
    rc = webhook_load(db, id, &e->w, err);
    if (rc < 0) return rc;
    if (rc == 1 && strcmp(e->w.state, "active") == 0) return 1;
    endpoint_release(e, db);
    return 0;
}

static void drop_page(struct endpoint *e)
{
    free(e->page);
    e->page = NULL;
    e->page_at = 0;
}

void endpoint_release(struct endpoint *e, struct db *db)
{
    lease_release(db, &e->lease);
    drop_page(e);
    webhook_free(&e->w);
}

/* What another has changed meanwhile is no fault of ours: it is looked at again. */
static int or_nothing(int rc)
{
    return rc == -ERR_CONFLICT ? 0 : rc;
}

static int stop(struct endpoint *e, struct db *db, const char *why, struct err *err)
{
    log_warning("webhook %lld is paused: %s", (long long)e->w.id, why);
    return or_nothing(webhook_set_state(db, &e->lease, &e->w, "failed", why, err));
}

/* ---- the next batch ---- */

static int keep(struct endpoint *e, struct db *db, struct buf *body, int changes, const char *after, struct err *err)
{
    struct webhook_batch batch = {.changes = changes};
    char uuid[UUID_TEXT_SIZE];
    snprintf(batch.id, sizeof batch.id, "msg_%s", random_uuid4(uuid));
    snprintf(batch.after.text, sizeof batch.after.text, "%s", after);
    batch.body = buf_steal(body);
    if (!batch.body) return err_set(err, ERR_NOMEM, "no memory for a message");
    int rc = webhook_batch_put(db, &e->lease, &e->w, &batch, err);
    if (rc < 0) {
        free(batch.body);
        return or_nothing(rc);
    }
    free(e->w.batch.body);
    e->w.batch = batch;
    return 1;
}

static int next_of_page(struct endpoint *e, struct db *db, struct err *err)
{
    struct buf body = {0};
    char after[FORMAT_PLACE_MAX], name[256] = "";
    int changes = 0;
    const char *lines = e->page + e->page_at;
    enum format format = format_of(e->w.format);
    if (format == FORMAT_SLACK && !strchr(lines, '\n') && webhook_object_name(db, lines, name, sizeof name, err) < 0)
        return -ERR_DB;
    struct format_page page = {.lines = lines,
                               .since = e->w.place.text,
                               .next = e->page_next.text,
                               .has_more = e->page_has_more,
                               .name = *name ? name : NULL};
    int rc = format_changes(format, &page, &body, &changes, after, err);
    for (int i = 0; i < changes && rc == 0; i++) {
        size_t len = strcspn(e->page + e->page_at, "\n");
        e->page_at += len + (e->page[e->page_at + len] == '\n');
    }
    if (rc == 0) rc = keep(e, db, &body, changes, after, err);
    buf_free(&body);
    return rc;
}

/* Changes that were removed for their age, or a journal that is younger than the place: the receiver has to know. */
static int next_is_gap(struct endpoint *e, struct db *db, bool is_too_old, struct err *err)
{
    struct buf body = {0};
    struct webhook_place after;
    const char *code = is_too_old ? "CURSOR_EXPIRED" : "CURSOR_UNKNOWN";
    if (webhooks_kept_from(db, is_too_old, &after, err) < 0) return -ERR_DB;
    log_warning("webhook %lld has missed changes: %s", (long long)e->w.id, code);
    format_gap(format_of(e->w.format), code, e->w.place.text, after.text, &body);
    int rc = keep(e, db, &body, 0, after.text, err);
    buf_free(&body);
    if (rc == 1 && e->w.has_gap && webhook_gap_told(db, &e->w, err) < 0) rc = -ERR_DB;
    return rc;
}

/* The journal behind the place; when the database is another one than before, the epoch ends first. */
static PGresult *changes_behind(struct endpoint *e, struct db *db, struct err *err)
{
    char why[160] = "";
    int limit = format_of(e->w.format) == FORMAT_ODOO ? PAGE_SINGLY : PAGE;
    PGresult *r = webhook_changes(db, &e->w, limit, err);
    if (!r || !db_bool(r, 0, 6)) return r;
    PQclear(r);
    int is_another = journal_settle(db, why, sizeof why, err);
    if (is_another < 0) return NULL;
    if (is_another) log_warning(JOURNAL_IS_ANOTHER, why);
    e->w.has_gap = true;
    return webhook_changes(db, &e->w, limit, err);
}

/* With each page all that may have changed of the endpoint is read again: its rights, filters and secrets. */
static int read_page(struct endpoint *e, struct db *db, struct err *err)
{
    int64_t id = e->w.id;
    drop_page(e);
    webhook_free(&e->w);
    int rc = webhook_load(db, id, &e->w, err);
    if (rc <= 0 || strcmp(e->w.state, "active") != 0) return rc < 0 ? rc : 0;
    if (!e->w.may) return stop(e, db, "the client that made it has not all rights any more that it needs", err);
    if (*e->w.batch.id) return 1;
    PGresult *r = changes_behind(e, db, err);
    if (!r) return -ERR_DB;
    bool is_too_old = db_bool(r, 0, 0), is_too_new = db_bool(r, 0, 1) || e->w.has_gap;
    if (is_too_old || is_too_new) {
        rc = next_is_gap(e, db, is_too_old, err);
    } else if (db_int(r, 0, 2) == 0) {
        struct webhook_place next;
        snprintf(next.text, sizeof next.text, "%s", db_text(r, 0, 4));
        rc = webhook_skip(db, &e->lease, &e->w, &next, err);
        if (rc == 0) e->w.place = next;
        rc = or_nothing(rc);
    } else {
        e->page = strdup(db_text(r, 0, 5));
        e->page_has_more = db_bool(r, 0, 3);
        snprintf(e->page_next.text, sizeof e->page_next.text, "%s", db_text(r, 0, 4));
        rc = e->page ? next_of_page(e, db, err) : err_set(err, ERR_NOMEM, "no memory for a page");
    }
    PQclear(r);
    return rc;
}

int endpoint_next(struct endpoint *e, struct db *db, struct err *err)
{
    if (*e->w.batch.id && e->w.may) return 1;
    if (e->page && e->page[e->page_at]) return next_of_page(e, db, err);
    return read_page(e, db, err);
}

/* ---- its way ---- */

/* A former secret that nobody can read any more keeps none of the others from signing. */
static void tell_unread(const struct webhook *w, int unread)
{
    static int64_t told_ms;
    if (!unread || (told_ms && mono_ms() - told_ms < TOLD_MS)) return;
    told_ms = mono_ms();
    log_warning("webhook %lld: %d of its %d secrets cannot be read with this SECRET_KEY; the others sign",
                (long long)w->id, unread, w->secret_count);
}

int endpoint_sign(const struct webhook *w, const struct conf *conf, const char *id, int64_t timestamp_s,
                  const char *body, struct buf *out, struct err *err)
{
    const char *keys[] = {conf_str(conf, SET_SECRET_KEY), conf_str(conf, SET_SECRET_KEY_PREVIOUS)};
    int unread = 0;
    if (!w->secret_count) return err_set(err, ERR_CONFIG, "it has no secret: rotate it");
    for (int i = 0; i < w->secret_count; i++) {
        char *secret = w->sealed[i] ? seal_open(keys, 2, w->sealed[i], err) : NULL;
        int rc = secret ? sign_add(out, secret, id, timestamp_s, body, err) : 0;
        unread += !secret;
        free(secret);
        if (rc < 0) return rc;
    }
    if (unread == w->secret_count) return -ERR_CONFIG;
    *err = (struct err){0};
    tell_unread(w, unread);
    return 0;
}

int endpoint_post(struct endpoint *e, struct db *db, struct posts *posts, const struct conf *conf, post_done_fn done,
                  void *arg, struct err *err)
{
    struct buf signature = {0};
    struct err why = {0};
    struct post_request request = {
        .url = e->w.url, .id = e->w.batch.id, .body = e->w.batch.body, .timestamp_s = wall_ms() / 1000};
    int rc = endpoint_sign(&e->w, conf, request.id, request.timestamp_s, request.body, &signature, &why);
    request.signature = signature.data;
    if (rc == 0) rc = post_start(posts, &request, done, arg, &why);
    buf_free(&signature);
    if (rc == 0) return 1;
    /* As a try that failed: it is told, tried again, and in the end paused. */
    struct post_answer answer = {0};
    snprintf(answer.why, sizeof answer.why, "%.290s", why.text);
    rc = endpoint_settle(e, db, conf, &answer, err);
    return rc < 0 ? rc : 0;
}

static int settle_failure(struct endpoint *e, struct db *db, const struct webhook_try *t, enum fate fate,
                          int64_t wait_ms, struct err *err)
{
    const char *state = fate == FATE_GONE ? "gone" : fate == FATE_FAILED ? "failed" : "active";
    if (fate == FATE_AGAIN)
        log_info("webhook %lld: %s; tried again in %.0f s", (long long)e->w.id, t->error, (double)wait_ms / 1000);
    else
        log_error("webhook %lld is %s: %s", (long long)e->w.id,
                  fate == FATE_GONE ? "switched off" : "paused, it has failed for too long", t->error);
    int rc = or_nothing(webhook_refused(db, &e->lease, &e->w, t, wait_ms, state, err));
    return rc < 0 ? rc : 0;
}

int endpoint_settle(struct endpoint *e, struct db *db, const struct conf *conf, const struct post_answer *answer,
                    struct err *err)
{
    struct webhook_try t = {.status = answer->status, .took_ms = answer->took_ms, .error = answer->why};
    struct retry_facts facts = {.status = answer->status,
                                .retry_after_s = answer->retry_after_s,
                                .failures = e->w.failures,
                                .failing_ms = e->w.failing_ms,
                                .give_up_ms = conf_int(conf, SET_WEBHOOK_GIVE_UP) * HOUR_MS,
                                .chance = (unsigned)random_u64()};
    int64_t wait_ms;
    enum fate fate = retry_decide(&facts, &wait_ms);
    if (fate != FATE_DELIVERED) return settle_failure(e, db, &t, fate, wait_ms, err);
    int rc = webhook_delivered(db, &e->lease, &e->w, &t, err);
    if (rc < 0) return or_nothing(rc);
    e->w.place = e->w.batch.after;
    e->w.failures = 0;
    e->w.failing_ms = 0;
    free(e->w.batch.body);
    e->w.batch = (struct webhook_batch){0};
    return 1;
}
