/* Sessions: see session.h. */
#include "tests/sim/session.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/machine/random.h"

static struct session **bucket_of(struct sessions *s, const char *token)
{
    uint64_t h = 5381;
    for (const char *p = token; *p && *p != '.'; p++) h = h * 33 + (unsigned char)(*p | 0x20);
    return &s->buckets[h % SESSION_BUCKETS];
}

static void drop(struct sessions *s, struct session *session)
{
    struct session **link = bucket_of(s, session->token);
    while (*link != session) link = &(*link)->next;
    *link = session->next;
    free(session);
}

void sessions_free(struct sessions *s)
{
    for (int i = 0; i < SESSION_BUCKETS; i++)
        while (s->buckets[i]) {
            struct session *next = s->buckets[i]->next;
            free(s->buckets[i]);
            s->buckets[i] = next;
        }
}

struct session *session_open(struct sessions *s, int64_t expires_at_ms)
{
    struct session *session = calloc(1, sizeof *session);
    if (!session) abort();
    random_uuid4(session->token);
    session->expires_at_ms = expires_at_ms;
    memset(session->at, 0xff, sizeof session->at);
    struct session **bucket = bucket_of(s, session->token);
    session->next = *bucket;
    *bucket = session;
    if (++s->open > s->open_peak) s->open_peak = s->open;
    return session;
}

void session_expire(struct sessions *s, struct session *session)
{
    if (session->is_expired) return;
    session->is_expired = true;
    s->open--;
    s->expired++;
    s->unnoticed++;
}

void session_expire_due(struct sessions *s, int64_t now_ms)
{
    for (int i = 0; i < SESSION_BUCKETS; i++)
        for (struct session *x = s->buckets[i]; x; x = x->next)
            if (now_ms == INT64_MAX || (x->expires_at_ms && x->expires_at_ms <= now_ms)) session_expire(s, x);
}

void sessions_forget_expired(struct sessions *s)
{
    for (int i = 0; i < SESSION_BUCKETS; i++)
        for (struct session *x = s->buckets[i], *next; x; x = next) {
            next = x->next;
            if (x->is_expired) drop(s, x);
        }
    s->unnoticed = 0;
}

/* What follows a point is only there to make a token long. */
static bool is_token_of(const struct session *session, const char *token)
{
    size_t len = strcspn(token, ".");
    return len == strlen(session->token) && strncasecmp(session->token, token, len) == 0;
}

struct session *session_find(struct sessions *s, const char *token, int64_t now_ms)
{
    struct session *session = *bucket_of(s, token);
    while (session && !is_token_of(session, token)) session = session->next;
    if (!session) return NULL;
    if (session->expires_at_ms && session->expires_at_ms <= now_ms) session_expire(s, session);
    session->is_used = true;
    if (!session->is_expired) return session;
    s->unnoticed--;
    drop(s, session);
    return NULL;
}

struct session *session_any(const struct sessions *s, int64_t now_ms)
{
    for (int i = 0; i < SESSION_BUCKETS; i++)
        for (struct session *x = s->buckets[i]; x; x = x->next)
            if (!x->is_expired && (!x->expires_at_ms || x->expires_at_ms > now_ms)) return x;
    return NULL;
}

unsigned sessions_used(const struct sessions *s)
{
    unsigned count = 0;
    for (int i = 0; i < SESSION_BUCKETS; i++)
        for (const struct session *x = s->buckets[i]; x; x = x->next) count += x->is_used && !x->is_expired;
    return count;
}

void session_close(struct sessions *s, struct session *session)
{
    s->open--;
    drop(s, session);
}

void session_return(struct session *session)
{
    session->place = IN_ROOT;
    session->below = 0;
    memset(session->at, 0xff, sizeof session->at);
}

void session_enter(struct session *session, enum kind kind, uint32_t index)
{
    session->at[kind] = index;
    for (int below = kind + 1; below < KIND_COUNT; below++) session->at[below] = NO_INDEX;
    session->place = (enum place)(kind + 1);
    session->below = 0;
}

void session_leave_project(struct session *session)
{
    session_enter(session, KIND_DIRECTORY, session->at[KIND_DIRECTORY]);
}
