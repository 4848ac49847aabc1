/* See log_lines.h. */
#include "services/web/ui/log_lines.h"

#include <string.h>

#define LEVELS 5
static const char *const levels[LEVELS] = {"debug", "info", "warning", "error", "critical"};

/* -1: no level. */
static int level_named(const char *text, size_t len)
{
    for (int i = 0; i < LEVELS; i++)
        if (strlen(levels[i]) == len && strncmp(levels[i], text, len) == 0) return i;
    return -1;
}

/* "2026-11-28T03:57:02.262Z info     migrate[1]: ..." or {"level":"info", ...}. */
static int level_of(const char *line)
{
    static const char member[] = "\"level\":\"";
    const char *at = *line == '{' ? strstr(line, member) : NULL;
    if (at) {
        at += sizeof member - 1;
        return level_named(at, strcspn(at, "\""));
    }
    if (strspn(line, "0123456789-T:.Z") < 20) return -1;
    at = line + strcspn(line, " ");
    at += strspn(at, " ");
    return level_named(at, strcspn(at, " "));
}

cJSON *log_lines_of(const cJSON *lines, const char *least)
{
    cJSON *out = cJSON_CreateArray();
    const cJSON *each;
    int level = 1, wanted = level_named(least, strlen(least));
    cJSON_ArrayForEach(each, lines) {
        const char *text = cJSON_GetStringValue(each);
        int own = text ? level_of(text) : -1;
        if (own >= 0) level = own;
        if (!text || level < wanted) continue;
        cJSON *line = cJSON_CreateObject();
        cJSON_AddStringToObject(line, "text", text);
        cJSON_AddStringToObject(line, "level", levels[level]);
        cJSON_AddItemToArray(out, line);
    }
    return out;
}
