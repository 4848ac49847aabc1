/* Reads and writes the cursor of the journal that readers hold. */
#include "services/web/api/feed/change_cursor.h"

#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

/* Digits without sign, as many as fit; NULL when there are none. */
static const char *skip_number(const char *text, size_t digits_max)
{
    size_t len = strspn(text, "0123456789");
    return len > 0 && len <= digits_max ? text + len : NULL;
}

/* Four numbers split by hyphens; end is what follows. */
static bool read_place(struct change_cursor *c, const char *text, const char **end)
{
    for (int i = 0; i < 4; i++) {
        const char *behind = skip_number(text, i == 0 ? 9 : 18);
        if (!behind || (i < 3 && *behind != '-')) return false;
        memcpy(c->place[i], text, (size_t)(behind - text));
        c->place[i][behind - text] = 0;
        text = behind + (i < 3);
    }
    *end = text;
    return true;
}

/* As PostgreSQL writes one: "xmin:xmax:" and those between them that still ran, ascending, split by commas. */
static bool is_snapshot(const char *text)
{
    char *end;
    if (!skip_number(text, 18)) return false;
    uint64_t xmin = strtoull(text, &end, 10), xmax, last = 0, xid;
    if (*end != ':' || !skip_number(end + 1, 18)) return false;
    xmax = strtoull(end + 1, &end, 10);
    if (*end != ':' || xmin == 0 || xmax < xmin) return false;
    for (const char *p = end + 1; *p; p = end + (*end == ',')) {
        if (!skip_number(p, 18)) return false;
        xid = strtoull(p, &end, 10);
        if (xid < xmin || xid >= xmax || xid <= last || (*end && (*end != ',' || !end[1]))) return false;
        last = xid;
    }
    return true;
}

bool change_cursor_read(struct change_cursor *c, const char *text)
{
    struct change_cursor read = {0};
    const char *end;
    if (!read_place(&read, text, &end) || (*end && *end != '~')) return false;
    if (*end == '~' && !is_snapshot(end + 1)) return false;
    read.snapshot = *end ? end + 1 : NULL;
    *c = read;
    return true;
}

void change_cursor_move(struct change_cursor *c, const char *text)
{
    struct change_cursor to = {.snapshot = c->snapshot};
    const char *end;
    if (!read_place(&to, text, &end)) return;
    const char *xmax = to.snapshot ? strchr(to.snapshot, ':') + 1 : NULL;
    if (xmax && (strcmp(to.place[0], c->place[0]) != 0 || strtoull(to.place[1], NULL, 10) >= strtoull(xmax, NULL, 10)))
        to.snapshot = NULL;
    *c = to;
}

const char *change_cursor_text(struct req *r, const struct change_cursor *c)
{
    return req_printf(r, "%s-%s-%s-%s%s%s", c->place[0], c->place[1], c->place[2], c->place[3], c->snapshot ? "~" : "",
                      c->snapshot ? c->snapshot : "");
}

/* ---- types ---- */

bool change_types_have(const char *types, const char *word)
{
    size_t len = strlen(word);
    if (!types || !*types) return true;
    for (const char *p = types; *p; p += strcspn(p, ","), p += *p == ',')
        if (strcspn(p, ",") == len && strncmp(p, word, len) == 0) return true;
    return false;
}

bool change_types_are_known(const char *types)
{
    static const char *const known[] = {"directory", "project",    "phase", "elevation",
                                        "thumbnail", "parts_list", "glass"};
    for (const char *p = types; *p; p += strcspn(p, ","), p += *p == ',') {
        size_t len = strcspn(p, ","), i = 0;
        while (i < sizeof known / sizeof *known && (strlen(known[i]) != len || strncmp(known[i], p, len) != 0)) i++;
        if (i == sizeof known / sizeof *known) return false;
    }
    return true;
}
