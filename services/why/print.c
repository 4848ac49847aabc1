/* A chain as lines for people. See print.h. */
#include "services/why/print.h"

#include <stdio.h>

#include "services/why/link.h"
#include "services/why/subject.h"

#define INDENT 4

/* "2026-11-28T00:10:11.123Z" as "2026-11-28 00:10:11 UTC" */
static void add_time(struct buf *out, const char *before, const char *iso)
{
    if (*iso) buf_printf(out, "%s%.10s %.8s UTC", before, iso, iso + 11);
}

static void print_link(struct buf *out, const cJSON *link, int depth)
{
    const cJSON *each;
    int at = depth * INDENT;
    buf_printf(out, "%*s%s%s", at, "", depth ? "because: " : "", fact_text(link, "what"));
    add_time(out, ", since ", fact_text(link, "since"));
    buf_char(out, '\n');
    at += INDENT;
    cJSON_ArrayForEach(each, fact(link, "because")) print_link(out, each, depth + 1);
    if (*fact_text(link, "next")) {
        buf_printf(out, "%*snext: %s", at, "", fact_text(link, "next"));
        add_time(out, ", ", fact_text(link, "next_at"));
        buf_char(out, '\n');
    }
    cJSON_ArrayForEach(each, fact(link, "do")) buf_printf(out, "%*sdo: %s\n", at, "", each->valuestring);
}

void why_print(struct buf *out, const cJSON *chain)
{
    buf_printf(out, "%s %s: %s\n", fact_text(chain, "kind"), fact_text(chain, "name"), fact_text(chain, "state"));
    print_link(out, fact(chain, "chain"), 0);
}

void why_print_candidates(struct buf *out, const cJSON *candidates)
{
    const cJSON *each;
    buf_str(out, "That can be several things. Ask again for the one that is meant:\n");
    cJSON_ArrayForEach(each, candidates)
        buf_printf(out, "  %-28s %s\n", fact_text(each, "of"),
                   *fact_text(each, "way") ? fact_text(each, "way") : fact_text(each, "name"));
    if (subject_is_cut(candidates))
        buf_printf(out, "These are the first %d of a kind; a GUID is exact.\n", SUBJECT_MOST);
}
