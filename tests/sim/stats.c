/* Counters: see stats.h. */
#include "tests/sim/stats.h"

#include "conf/clock.h"

static const char *const names[EP_COUNT] = {
    "auth",     "logout",          "version",          "directories",       "directories_select",
    "projects", "projects_select", "project_selected", "project_edit",      "project_delete",
    "phases",   "phases_select",   "elevations",       "elevations_select", "thumbnail",
    "parts",    "drawing",         "unknown",
};

const char *endpoint_name(enum endpoint endpoint)
{
    return names[endpoint];
}

void stats_reset(struct stats *s, struct sessions *sessions)
{
    unsigned in_flight = s->in_flight;
    *s = (struct stats){.in_flight = in_flight, .in_flight_peak = in_flight, .since_ms = wall_ms()};
    sessions->open_peak = sessions->open;
    sessions->expired = 0;
    sessions_forget_expired(sessions);
}

static void add_map(const char *key, const uint64_t *values, int count, int named, struct buf *out)
{
    const char *comma = "";
    buf_printf(out, ",\"%s\":{", key);
    for (int i = 0; i < count; i++) {
        if (!named && values[i] == 0) continue;
        if (named)
            buf_printf(out, "%s\"%s\":%llu", comma, names[i], (unsigned long long)values[i]);
        else
            buf_printf(out, "%s\"%d\":%llu", comma, i, (unsigned long long)values[i]);
        comma = ",";
    }
    buf_char(out, '}');
}

void stats_add_json(const struct stats *s, const struct sessions *sessions, struct buf *out)
{
    uint64_t total = 0, errors[600] = {0};
    for (int i = 0; i < EP_COUNT; i++) total += s->calls[i];
    for (int i = 400; i < 600; i++) errors[i] = s->statuses[i];
    buf_printf(out, "{\"total_calls\":%llu,\"logins\":%llu,\"logins_failed\":%llu,\"logouts\":%llu,\"expired\":%llu",
               (unsigned long long)total, (unsigned long long)s->logins, (unsigned long long)s->logins_failed,
               (unsigned long long)s->logouts, (unsigned long long)sessions->expired);
    buf_printf(out, ",\"open_sessions\":%u,\"peak_sessions\":%u,\"leaked_sessions\":%u,\"used_sessions\":%u",
               sessions->open, sessions->open_peak, sessions->open + sessions->unnoticed, sessions_used(sessions));
    buf_printf(
        out,
        ",\"in_flight\":%u,\"peak_in_flight\":%u,\"cut\":%llu,\"faults\":%llu,\"bytes_out\":%llu,\"since_ms\":%lld",
        s->in_flight, s->in_flight_peak, (unsigned long long)s->cut, (unsigned long long)s->faults,
        (unsigned long long)s->bytes_out, (long long)s->since_ms);
    add_map("calls", s->calls, EP_COUNT, 1, out);
    add_map("statuses", s->statuses, 600, 0, out);
    add_map("errors_by_status", errors, 600, 0, out);
    buf_char(out, '}');
}
