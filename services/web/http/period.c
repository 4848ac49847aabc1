/* From when to when something is asked for. See period.h. */
#include "services/web/http/period.h"

#include <string.h>

#include "conf/clock.h"
#include "services/web/http/reply.h"
#include "services/web/http/schema/schema.h"

bool period_has_begun(struct req *r, const char *where, const char *name, int64_t unix_us)
{
    char now[CLOCK_TEXT_SIZE];
    if (unix_us <= wall_us() + PERIOD_AHEAD_S * INT64_C(1000000)) return true;
    reply_invalid(r, where, name, "value_error",
                  req_printf(r,
                             "This time is in the future: it is %s here. A time without an offset is UTC; is your clock"
                             " right?",
                             clock_iso_ms(wall_ms(), now)));
    return false;
}

bool period_is_right(struct req *r, struct period_end from, struct period_end to)
{
    int64_t from_us, to_us;
    if (!from.time || !*from.time || clock_parse_iso(from.time, &from_us) != 0) return true;
    if (to.time && *to.time && clock_parse_iso(to.time, &to_us) == 0 && from_us > to_us) {
        reply_invalid(
            r, "query", from.name, "value_error",
            req_printf(r, "It is later than %s, where it ends: exchange the two, or leave %s out for all until now",
                       to.name, to.name));
        return false;
    }
    return period_has_begun(r, "query", from.name, from_us);
}

/* The argument, when the schema has a time under this name; NULL else. */
static const char *time_of(struct req *r, const char *schema, const char *name)
{
    struct schema_member m;
    const char *text = name ? req_arg(r, name) : NULL;
    for (const char *at = NULL; text && schema_next(schema, &at, &m);)
        if (strcmp(m.name, name) == 0) return strncmp(m.type, "datetime", 8) == 0 ? text : NULL;
    return NULL;
}

bool period_check(struct req *r, const char *schema)
{
    static const char *const periods[][2] = {{"from", "to"}, {"since", "until"}, {"updated_since", NULL}};
    for (size_t i = 0; i < sizeof periods / sizeof *periods; i++) {
        const struct period_end from = {periods[i][0], time_of(r, schema, periods[i][0])},
                                to = {periods[i][1], time_of(r, schema, periods[i][1])};
        if (!period_is_right(r, from, to)) return false;
    }
    return true;
}
