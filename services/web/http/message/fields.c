/* See fields.h. Lines of "Name: value", each with its end. */
#include "services/web/http/message/fields.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#define USUAL 320 /* bytes of the fields of a usual answer */

void fields_add(struct buf *fields, const char *name, const char *value)
{
    if (strpbrk(name, "\r\n") || strpbrk(value, "\r\n")) return;
    if (!fields->data) buf_reserve(fields, USUAL);
    buf_str(fields, name);
    buf_add(fields, ": ", 2);
    buf_str(fields, value);
    buf_add(fields, "\r\n", 2);
}

/* Where its line begins; NULL: there is none. */
static char *find(const struct buf *fields, const char *name)
{
    size_t len = strlen(name);
    for (char *line = fields->data, *end; line && *line; line = end + 2) {
        if (strncasecmp(line, name, len) == 0 && line[len] == ':') return line;
        end = strstr(line, "\r\n");
        if (!end) break;
    }
    return NULL;
}

bool fields_have(const struct buf *fields, const char *name)
{
    return find(fields, name) != NULL;
}

void fields_remove(struct buf *fields, const char *name)
{
    for (char *line; (line = find(fields, name)) != NULL;) {
        char *next = strstr(line, "\r\n") + 2;
        size_t left = fields->len - (size_t)(next - fields->data);
        memmove(line, next, left + 1);
        fields->len = (size_t)(line - fields->data) + left;
    }
}

bool fields_hand_on(const struct buf *fields, const char *date, struct evkeyvalq *out)
{
    size_t date_len = strlen(date), text_len = fields->len;
    struct evkeyval *field = calloc(1, sizeof *field); /* as evhttp_clear_headers frees it */
    char *key = strdup("Date"), *value = malloc(date_len + 2 + text_len + 1);
    if (fields->failed || !field || !key || !value) {
        free(field);
        free(key);
        free(value);
        return false;
    }
    memcpy(value, date, date_len + 1);
    if (text_len > 2) {
        memcpy(value + date_len, "\r\n", 2);
        memcpy(value + date_len + 2, fields->data, text_len - 2); /* evhttp ends the last line */
        value[date_len + text_len] = '\0';
    }
    field->key = key;
    field->value = value;
    TAILQ_INSERT_TAIL(out, field, next);
    return true;
}
