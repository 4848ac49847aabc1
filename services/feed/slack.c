/* Changes as sentences for a chat. */
#include "services/feed/slack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/utf8.h"

#define NAME_MAX_BYTES 200
#define WORD_MAX_BYTES 40
#define FIELDS_SHOWN   4
#define KINDS_MAX      64

/* Adds text in which nothing is a link, a mention or a command: & < > as Slack escapes them, line breaks as spaces, cut
 * to at most limit bytes. Not yet as JSON. */
static void slack_escape(struct buf *out, const char *text, size_t limit)
{
    size_t len = strlen(text), shown = len > limit ? utf8_cut(text, limit) : len;
    for (size_t i = 0; i < shown; i++) {
        char c = text[i];
        if (c == '&')
            buf_str(out, "&amp;");
        else if (c == '<')
            buf_str(out, "&lt;");
        else if (c == '>')
            buf_str(out, "&gt;");
        else
            buf_char(out, (unsigned char)c < ' ' || c == 0x7f ? ' ' : c);
    }
    if (shown < len) buf_str(out, "…");
}

/* A word of the journal's: as little trusted as any other text. */
static void add_word(struct buf *out, const char *word)
{
    slack_escape(out, word, WORD_MAX_BYTES);
}

static const char *text_of(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text ? text : "";
}

static const char *word_of(const char *type)
{
    return strcmp(type, "parts_list") == 0 ? "parts list" : strcmp(type, "glass") == 0 ? "glass pane" : type;
}

static const char *verb_of(const char *operation)
{
    static const char *const verbs[][2] = {{"created", "was created"},       {"changed", "was changed"},
                                           {"moved", "was moved"},           {"vanished", "vanished from Logikal"},
                                           {"returned", "came back"},        {"deleted", "was deleted"},
                                           {"truncated", "were all removed"}};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(operation, verbs[i][0]) == 0) return verbs[i][1];
    return operation;
}

static void add_value(struct buf *out, const cJSON *value)
{
    char *printed = NULL;
    const char *text = cJSON_GetStringValue(value);
    if (!text && cJSON_IsObject(value)) text = "a long text";
    if (!text && (!value || cJSON_IsNull(value))) text = "nothing";
    if (!text) text = printed = cJSON_PrintUnformatted(value);
    slack_escape(out, text && *text ? text : "nothing", NAME_MAX_BYTES);
    cJSON_free(printed);
}

/* ": width 1200 → 1300, name Old → New and 3 more" */
static void add_fields(struct buf *out, const cJSON *change)
{
    const cJSON *fields = cJSON_GetObjectItemCaseSensitive(change, "fields"), *f;
    int shown = 0, count = cJSON_GetArraySize(fields);
    const char *operation = text_of(change, "operation");
    if (strcmp(operation, "changed") != 0 && strcmp(operation, "moved") != 0) return;
    cJSON_ArrayForEach(f, fields) {
        if (shown == FIELDS_SHOWN) break;
        buf_str(out, shown++ ? ", " : ": ");
        slack_escape(out, f->string, NAME_MAX_BYTES);
        buf_char(out, ' ');
        add_value(out, cJSON_GetObjectItemCaseSensitive(f, "before"));
        buf_str(out, " → ");
        add_value(out, cJSON_GetObjectItemCaseSensitive(f, "after"));
    }
    if (count > shown) buf_printf(out, " and %d more", count - shown);
}

/* What it is called in the change itself, else now, else its identifier. */
static const char *name_in(const cJSON *change, const char *name)
{
    const cJSON *field = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(change, "fields"), "name");
    const char *told = text_of(field, "after");
    if (!*told) told = text_of(field, "before");
    if (!*told && name) told = name;
    return *told ? told : text_of(change, "logikal_id");
}

static void add_one(struct buf *out, const cJSON *change, const char *name)
{
    const char *word = word_of(text_of(change, "type"));
    bool is_small = *word >= 'a' && *word <= 'z';
    if (is_small) buf_char(out, (char)(*word - 'a' + 'A'));
    add_word(out, word + is_small);
    buf_char(out, ' ');
    slack_escape(out, name_in(change, name), NAME_MAX_BYTES);
    buf_char(out, ' ');
    add_word(out, verb_of(text_of(change, "operation")));
    add_fields(out, change);
    buf_char(out, '.');
}

struct kind {
    const char *type, *operation;
    int count;
};

/* The kind with these words, which may be a new one; NULL: there are too many. */
static struct kind *kind_of(struct kind kinds[KINDS_MAX], const char *type, const char *operation)
{
    for (int i = 0; i < KINDS_MAX; i++) {
        if (!kinds[i].type) kinds[i] = (struct kind){type, operation, 0};
        if (strcmp(kinds[i].type, type) == 0 && strcmp(kinds[i].operation, operation) == 0) return &kinds[i];
    }
    return NULL;
}

/* "12 changes: 3 elevations created, 9 elevations changed." */
static void add_many(struct buf *out, const cJSON *changes, bool has_more)
{
    struct kind kinds[KINDS_MAX] = {0};
    const cJSON *c;
    cJSON_ArrayForEach(c, changes) {
        struct kind *kind = kind_of(kinds, text_of(c, "type"), text_of(c, "operation"));
        if (kind) kind->count++;
    }
    buf_printf(out, "%d changes: ", cJSON_GetArraySize(changes));
    for (int i = 0; i < KINDS_MAX && kinds[i].type; i++) {
        bool is_directory = strcmp(kinds[i].type, "directory") == 0;
        const char *word = is_directory ? "director" : word_of(kinds[i].type);
        const char *plural = is_directory ? (kinds[i].count == 1 ? "y" : "ies") : kinds[i].count == 1 ? "" : "s";
        buf_printf(out, "%s%d ", i ? ", " : "", kinds[i].count);
        add_word(out, word);
        buf_printf(out, "%s ", plural);
        add_word(out, kinds[i].operation);
    }
    buf_str(out, has_more ? ", and more to come." : ".");
}

void slack_changes(const cJSON *changes, const char *name, bool has_more, struct buf *body)
{
    struct buf text = {0};
    if (cJSON_GetArraySize(changes) == 1)
        add_one(&text, changes->child, name);
    else
        add_many(&text, changes, has_more);
    buf_str(body, "{\"text\":");
    if (text.failed || !text.data)
        body->failed = true;
    else
        buf_json_string(body, text.data, text.len);
    buf_char(body, '}');
    buf_free(&text);
}
