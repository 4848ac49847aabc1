/* See access_log.h. */
#include "services/web/access_log.h"

#include <inttypes.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "services/web/metrics.h"
#include "services/web/route.h"
#include "services/web/ui.h"

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

void access_log(const struct req *r)
{
    int64_t us = mono_us() - r->started_us;
    ui_action_record(r);
    metrics_request(r->web->metrics, r->route, r->status, us);
    enum log_level level = r->status >= 500 ? LOG_WARNING : r->route && r->route->limits == FREE ? LOG_DEBUG : LOG_INFO;
    if (!log_is_on(level)) return;
    log_write(level, "%s %.512s %d bytes=%zu ms=%.3f route=%s from=%s client=%s request_id=%s%s", method_name(r),
              r->path, r->status, r->bytes, (double)us / 1000, r->route ? r->route->path : "-", r->address,
              *r->who.name ? r->who.name : "-", r->id, r->is_gone ? " (client gone)" : "");
}
