/* When the certificates end of those whom we talk to by TLS: PostgreSQL and Redis as they are connected, Logikal and
 * the receivers of alarms by looking at them now and then. See certificates.h. */
#include "services/web/watch/health/certificates.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "ipc/redis/redis.h"
#include "services/alert/courier.h"
#include "services/store/db/pool.h"

#define FIRST_S 2
#define LOOK_S  3600
#define HURRY_S 10           /* while one is to be renewed */
#define SOON_S  (15 * 86400) /* a day more than is told of (problems_certificates.c) */
#define PEERS   4

static const struct {
    const char *name;
    enum setting_id url;
} peers[PEERS] = {{"Logikal", SET_LOGIKAL_URL},
                  {"ALERT_WEBHOOK_URL", SET_ALERT_WEBHOOK},
                  {"SMTP_URL", SET_SMTP_URL},
                  {"HEARTBEAT_URL", SET_HEARTBEAT_URL}};

struct certificates_watch {
    struct web *web;
    struct courier *courier;
    struct event *timer;
    struct peer {
        struct certificates_watch *watch;
        int64_t ends_s; /* 0 = not known, or without TLS */
        bool is_asked;
    } peers[PEERS];
};

static bool is_tls(const char *url)
{
    return strncasecmp(url, "https://", 8) == 0 || strncasecmp(url, "smtps://", 8) == 0;
}

/* What is not to be reached keeps what was known of it. */
static void on_ends(void *arg, int64_t ends_s)
{
    struct peer *p = arg;
    p->is_asked = false;
    if (ends_s > 0) p->ends_s = ends_s;
}

static void look(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct certificates_watch *w = arg;
    struct err err = {0};
    bool is_soon = false;
    for (int i = 0; i < PEERS; i++) {
        struct peer *p = &w->peers[i];
        const char *url = conf_str(w->web->conf, peers[i].url);
        if (p->ends_s && p->ends_s - wall_ms() / 1000 < SOON_S) is_soon = true;
        if (!is_tls(url) || p->is_asked) continue;
        p->is_asked = courier_look(w->courier, url, on_ends, p, &err) == 0;
    }
    event_add(w->timer, &(struct timeval){.tv_sec = is_soon ? HURRY_S : LOOK_S});
}

static bool has_work(const struct web *web)
{
    for (int i = 0; i < PEERS; i++)
        if (is_tls(conf_str(web->conf, peers[i].url))) return true;
    return false;
}

struct certificates_watch *certificates_watch_new(struct web *web)
{
    struct certificates_watch *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->web = web;
    for (int i = 0; i < PEERS; i++) w->peers[i].watch = w;
    if (!has_work(web)) return w;
    w->courier = courier_new(web->base);
    w->timer = evtimer_new(web->base, look, w);
    if (w->courier && w->timer) {
        event_add(w->timer, &(struct timeval){.tv_sec = FIRST_S});
        return w;
    }
    certificates_watch_free(w);
    return NULL;
}

void certificates_watch_free(struct certificates_watch *w)
{
    if (!w) return;
    courier_free(w->courier);
    if (w->timer) event_free(w->timer);
    free(w);
}

static void add(cJSON *list, const char *of, int64_t ends_s)
{
    if (ends_s <= 0) return;
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "of", of);
    cJSON_AddNumberToObject(out, "ends_s", (double)ends_s);
    cJSON_AddItemToArray(list, out);
}

cJSON *certificates_known(const struct certificates_watch *w)
{
    cJSON *list = cJSON_CreateArray();
    const struct web *web = w->web;
    if (web->pool) add(list, "PostgreSQL", pool_certificate_ends_s(web->pool));
    if (web->redis) add(list, "Redis", redis_certificate_ends_s(web->redis));
    for (int i = 0; i < PEERS; i++) add(list, peers[i].name, w->peers[i].ends_s);
    return list;
}
