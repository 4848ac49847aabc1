/* Judges what ends at a time that is known: certificates. See problems_certificates.h. */
#include "services/web/watch/problems/problems_certificates.h"

#include <stdio.h>
#include <string.h>

#include "conf/clock.h"

#define LOOK_S  (14 * 86400.0)
#define WRONG_S (3 * 86400.0)

void judge_certificates(struct findings *f, const cJSON *facts)
{
    const cJSON *c, *certificates = fact(facts, "certificates");
    double now_s = fact_number(certificates, "now_s");
    cJSON_ArrayForEach(c, fact(certificates, "list")) {
        double left_s = fact_number(c, "ends_s") - now_s;
        const char *of = fact_text(c, "of");
        char span[SPAN_TEXT_SIZE], at[CLOCK_TEXT_SIZE];
        if (left_s >= LOOK_S) continue;
        clock_iso_ms(fact_whole(c, "ends_s") * 1000, at);
        bool has_ended = left_s <= 0;
        span_text(has_ended ? -left_s : left_s, span);
        cJSON *p =
            problem(f, left_s < WRONG_S ? SEVERITY_WRONG : SEVERITY_LOOK, "certificate", of,
                    has_ended ? "The certificate of %s ended %s ago, at %s" : "The certificate of %s ends in %s, at %s",
                    of, span, at);
        problem_advice(p, has_ended ? "No connection is made to it any more: renew it there."
                                    : "Renew it there: afterwards no connection is made to it.");
        if (!has_ended || strcmp(of, "Logikal") != 0) continue;
        f->ended = p;
        problem_blocks(f, p);
    }
}
