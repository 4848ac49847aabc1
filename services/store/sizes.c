/* How large the database is, and when it will be full. See sizes.h. */
#include "services/store/sizes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "services/store/db/db.h"

#define DAY_S    86400.0
#define FAR_DAYS 36500.0 /* nobody plans for more */

double sizes_full_in(const struct sizes *s, int64_t limit)
{
    if (limit <= 0) return SIZES_NEVER;
    if (s->database >= limit) return 0;
    double days = s->per_day > 0 ? (double)(limit - s->database) / s->per_day : FAR_DAYS;
    return days < FAR_DAYS ? days * DAY_S : SIZES_NEVER;
}

static const char *bytes_text(double bytes, char out[24])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    int unit = 0;
    for (; bytes >= 1024 && unit < 4; unit++) bytes /= 1024;
    snprintf(out, 24, bytes < 10 && unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
    return out;
}

const char *sizes_text(const struct sizes *s, int64_t limit, int64_t now_s, char *out, size_t size)
{
    char used[24], most[24], rate[24], day[24] = "";
    bytes_text((double)s->database, used);
    double full_in = sizes_full_in(s, limit);
    time_t full_at = (time_t)(now_s + (int64_t)full_in);
    struct tm tm;
    if (limit <= 0) {
        snprintf(out, size, "%s", used);
    } else if (full_in == 0) {
        snprintf(out, size, "%s of %s: full", used, bytes_text((double)limit, most));
    } else if (full_in > 0 && gmtime_r(&full_at, &tm) && strftime(day, sizeof day, "%Y-%m-%d", &tm)) {
        snprintf(out, size, "%s of %s, full on %s at this rate (%s a day)", used, bytes_text((double)limit, most), day,
                 bytes_text(s->per_day, rate));
    } else {
        snprintf(out, size, "%s of %s", used, bytes_text((double)limit, most));
    }
    return out;
}

int sizes_read(struct db *db, struct sizes *out, struct err *err)
{
    PGresult *r = db_query(db, err,
                           "SELECT database_bytes, parts_bytes, parts_raw_bytes, parts_files, bytes_per_day FROM"
                           " logikald_sizes()",
                           0, NULL);
    if (!r) return -ERR_DB;
    *out = (struct sizes){.database = db_int(r, 0, 0),
                          .parts = db_int(r, 0, 1),
                          .parts_raw = db_int(r, 0, 2),
                          .files = db_int(r, 0, 3),
                          .per_day = db_text(r, 0, 4) ? strtod(db_text(r, 0, 4), NULL) : 0};
    PQclear(r);
    return 0;
}

int sizes_sample(struct db *db, struct err *err)
{
    PGresult *r = db_query(db, err, "SELECT logikald_sample_sizes()", 0, NULL);
    PQclear(r);
    return r ? 0 : -ERR_DB;
}
