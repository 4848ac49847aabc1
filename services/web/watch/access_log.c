/* The line that the log has of every request, at its end. */
#include "services/web/watch/access_log.h"

#include "conf/clock.h"
#include "conf/log.h"
#include "services/web/gate/route.h"
#include "services/web/watch/metrics/metrics.h"

static const char *method_name(const struct req *r)
{
    switch (evhttp_request_get_command(r->ev)) {
    case EVHTTP_REQ_GET: return "GET";
    case EVHTTP_REQ_HEAD: return "HEAD";
    case EVHTTP_REQ_POST: return "POST";
    case EVHTTP_REQ_PUT: return "PUT";
    case EVHTTP_REQ_DELETE: return "DELETE";
    case EVHTTP_REQ_PATCH: return "PATCH";
    case EVHTTP_REQ_OPTIONS: return "OPTIONS";
    default: return "?";
    }
}

static struct log_field text(const char *name, const char *value)
{
    return (struct log_field){.name = name, .kind = LOG_FIELD_TEXT, .text = value};
}

static struct log_field integer(const char *name, long long value)
{
    return (struct log_field){.name = name, .kind = LOG_FIELD_INT, .integer = value};
}

static const char *end_of(const struct req *r)
{
    return r->is_gone ? "client gone" : r->is_refused ? "unreadable request" : NULL;
}

void access_log(const struct req *r)
{
    int64_t us = mono_us() - r->started_us;
    metrics_request(r->web->metrics, r->route, r->status, us);
    enum log_level level = r->status >= 500                              ? LOG_WARNING
                           : r->route && r->route->limits == LIMITS_FREE ? LOG_DEBUG
                                                                         : LOG_INFO;
    if (!log_is_on(level)) return;
    const struct log_field fields[] = {text("request_id", r->id),
                                       text("method", method_name(r)),
                                       text("route", r->route ? r->route->path : NULL),
                                       text("path", r->path),
                                       integer("status", r->status),
                                       integer("bytes", (long long)r->bytes),
                                       {"duration_ms", LOG_FIELD_REAL, .real = (double)us / 1000},
                                       text("client_id", *req_owner(r)->name ? req_owner(r)->name : NULL),
                                       text("address", r->address),
                                       text("end", end_of(r))};
    log_event(level, "request", fields, sizeof fields / sizeof *fields);
}
