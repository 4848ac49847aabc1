/* Reads and writes a message as kombu keeps it in its unacked hash. */
#include "services/worker/broker/orphan.h"

#include <stdio.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "ipc/redis/queue_keys.h"
#include "ipc/queue/queue_message.h"

/* The length of the JSON object or array that begins at text, found by its brackets; 0 = it does not end. */
static size_t extent(const char *text, size_t len)
{
    int depth = 0;
    bool is_text = false;
    for (size_t i = 0; i < len; i++) {
        if (is_text) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                is_text = false;
        } else if (text[i] == '"') {
            is_text = true;
        } else if (text[i] == '{' || text[i] == '[') {
            depth++;
        } else if (text[i] == '}' || text[i] == ']') {
            if (--depth == 0) return i + 1;
        }
    }
    return 0;
}

static bool take_name(const cJSON *value, char *out, size_t size)
{
    out[0] = '\0';
    if (!value || cJSON_IsNull(value)) return true;
    return cJSON_IsString(value) && snprintf(out, size, "%s", value->valuestring) < (int)size;
}

static int priority_of(const char *raw, size_t len)
{
    cJSON *message = json_parse(raw, len);
    const cJSON *properties = cJSON_IsObject(message) ? cJSON_GetObjectItemCaseSensitive(message, "properties") : NULL;
    const cJSON *priority =
        cJSON_IsObject(properties) ? cJSON_GetObjectItemCaseSensitive(properties, "priority") : NULL;
    int value = cJSON_IsNumber(priority) && priority->valuedouble > 0
                    ? (int)(priority->valuedouble < 9 ? priority->valuedouble : 9)
                    : 0;
    cJSON_Delete(message);
    return value;
}

bool orphan_read(const char *entry, size_t len, struct orphan *out)
{
    static const char blanks[] = " \t\r\n";
    size_t at = strspn(entry, blanks);
    if (at >= len || entry[at] != '[') return false;
    at++;
    at += strspn(entry + at, blanks);
    if (at >= len || entry[at] != '{') return false;
    out->raw = entry + at;
    out->len = extent(out->raw, len - at);
    if (out->len == 0) return false;
    at += out->len;
    at += strspn(entry + at, blanks);
    if (at >= len || entry[at] != ',') return false;
    char tail[2000];
    if (snprintf(tail, sizeof tail, "[%s", entry + at + 1) >= (int)sizeof tail) return false;
    cJSON *names = json_parse(tail, strlen(tail));
    bool is_fine = cJSON_IsArray(names) && cJSON_GetArraySize(names) == 2 &&
                   take_name(cJSON_GetArrayItem(names, 0), out->exchange, sizeof out->exchange) &&
                   take_name(cJSON_GetArrayItem(names, 1), out->routing_key, sizeof out->routing_key);
    cJSON_Delete(names);
    if (is_fine) out->priority = priority_of(out->raw, out->len);
    return is_fine;
}

static bool is_word(const char *at, char sign)
{
    return at[0] == sign && (!at[1] || at[1] == '.');
}

static bool is_same_word(const char *a, const char *b)
{
    size_t len = strcspn(a, ".");
    return len == strcspn(b, ".") && strncmp(a, b, len) == 0;
}

static const char *word_after(const char *at)
{
    const char *dot = strchr(at, '.');
    return dot ? dot + 1 : NULL;
}

/* Word by word, '*' for any and '#' for any number of them. Where words differ only the last '#' is given one more, as
 * with the stars of file names: no pattern takes long. NULL is the end of either. */
static bool is_bound(const char *pattern, const char *key)
{
    const char *p = pattern[0] ? pattern : NULL, *k = key[0] ? key : NULL;
    const char *behind = NULL, *from = NULL; /* the last '#', and where what follows it was looked for */
    for (;;) {
        if (p && is_word(p, '#')) {
            p = behind = word_after(p);
            from = k;
            if (!p) return true;
        } else if (!k) {
            return !p;
        } else if (p && (is_word(p, '*') ? k[0] && k[0] != '.' : is_same_word(p, k))) {
            p = word_after(p);
            k = word_after(k);
        } else if (behind) {
            p = behind;
            k = from = word_after(from);
        } else {
            return false;
        }
    }
}

const char *orphan_queue_of(const struct queue_keys *keys, const char *member, const char *routing_key)
{
    const char *queue;
    size_t len;
    char bound[256];
    if (!queue_binding_cut(keys, member, &len, &queue) || !queue[0] || len >= sizeof bound) return NULL;
    snprintf(bound, sizeof bound, "%.*s", (int)len, member);
    return strcmp(bound, routing_key) == 0 || (strpbrk(bound, "*#") && is_bound(bound, routing_key)) ? queue : NULL;
}
