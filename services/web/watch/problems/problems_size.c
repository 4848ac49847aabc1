/* Judges the room for the database, and what of it is refused to us. */
#include "services/web/watch/problems/problems_size.h"

#include "services/store/sizes.h"

#define SOON_S   (30 * 86400.0)
#define NOW_S    (3 * 86400.0)
#define MUCH     0.9
#define TOO_MUCH 0.97

void judge_size(struct findings *f, const cJSON *facts)
{
    const cJSON *sizes = fact(facts, "sizes");
    struct sizes s = {.database = fact_whole(sizes, "database_bytes"), .per_day = fact_number(sizes, "bytes_per_day")};
    int64_t limit = fact_whole(sizes, "limit_bytes");
    char text[200];
    if (limit <= 0 || s.database <= 0) return;
    double full_in = sizes_full_in(&s, limit), share = (double)s.database / (double)limit;
    bool is_soon = full_in != SIZES_NEVER && full_in < SOON_S, is_now = full_in != SIZES_NEVER && full_in < NOW_S;
    if (!is_soon && share < MUCH) return;
    cJSON *p =
        problem(f, is_now || share >= TOO_MUCH ? SEVERITY_WRONG : SEVERITY_LOOK, "postgresql", "size",
                "The database is filling up: %s", sizes_text(&s, limit, fact_whole(sizes, "now_s"), text, sizeof text));
    problem_advice(p, "Rent a larger one and raise DATABASE_SIZE_LIMIT, or keep less: PARTS_KEEP_VERSIONS,"
                      " PARTS_KEEP_VANISHED_DAYS, CHANGES_RETENTION_DAYS.");
}

void judge_bills(struct findings *f, const cJSON *facts)
{
    const char *why = fact_text(facts, "bills");
    if (!*why) return;
    problem_advice(
        problem(f, SEVERITY_LOOK, "postgresql", "bills", "Large bills of materials cannot be kept: %s", why),
        "Each of them is made anew for whoever asks, for seconds, and held whole. Has PostgreSQL room on its disk,"
        " and may logikald write to the table parts_bills?");
}
