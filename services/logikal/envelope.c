/* What stands beside the data of an answer: see envelope.h. */
#include "services/logikal/envelope.h"

#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "conf/text/utf8.h"

#define WORDS_BYTES (ENVELOPE_WORDS - 4)

static void add(struct buf *out, const char *separator, const char *text)
{
    if (!text || !*text || out->len >= WORDS_BYTES || (out->len && strstr(out->data, text))) return;
    buf_str(out, out->len ? separator : "");
    buf_str(out, text);
}

/* Texts, or objects with a message; a text alone is one of them. */
static void add_all(struct buf *out, const cJSON *list)
{
    add(out, "; ", cJSON_GetStringValue(list));
    for (const cJSON *e = cJSON_IsArray(list) || cJSON_IsObject(list) ? list->child : NULL; e; e = e->next)
        add(out, "; ",
            cJSON_IsObject(e) ? cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(e, "message"))
                              : cJSON_GetStringValue(e));
}

static void finish(struct buf *text, char out[ENVELOPE_WORDS])
{
    if (text->len) utf8_repair(text->data, text->len);
    size_t len = text->len ? utf8_cut(text->data, WORDS_BYTES) : 0;
    if (len) memcpy(out, text->data, len);
    out[len] = '\0';
    utf8_line(out);
    buf_free(text);
}

/* Is anything said by this member: a list with something in it, a text, a number of them, or that there are some? */
static bool says_anything(const cJSON *member)
{
    const char *text = cJSON_GetStringValue(member);
    bool is_some = cJSON_IsTrue(member) || (cJSON_IsNumber(member) && member->valuedouble > 0);
    return is_some || (text && *text) || cJSON_GetArraySize(member) > 0;
}

/* A code of 400 or more, as a number or as digits. */
static bool is_bad_code(const cJSON *code)
{
    const char *text = cJSON_GetStringValue(code);
    if (text) return *text && strspn(text, "0123456789") == strlen(text) && strtod(text, NULL) >= 400;
    return cJSON_IsNumber(code) && code->valuedouble >= 400;
}

bool envelope_is_error(const cJSON *json)
{
    return says_anything(cJSON_GetObjectItemCaseSensitive(json, "errors")) ||
           is_bad_code(cJSON_GetObjectItemCaseSensitive(json, "code")) ||
           cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(json, "success"));
}

void envelope_message(const cJSON *json, char out[ENVELOPE_WORDS])
{
    struct buf text = {0};
    add(&text, "", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "message")));
    add_all(&text, cJSON_GetObjectItemCaseSensitive(json, "errors"));
    finish(&text, out);
}

const char *envelope_error(const cJSON *json, char out[ENVELOPE_WORDS])
{
    static const char what[] = "an error that is called a success: ";
    char message[ENVELOPE_WORDS];
    envelope_message(json, message);
    if (!message[0]) return "an error that is called a success";
    size_t len = utf8_cut(message, WORDS_BYTES - sizeof what);
    memcpy(out, what, sizeof what - 1);
    memcpy(out + sizeof what - 1, message, len);
    out[sizeof what - 1 + len] = '\0';
    return out;
}

void envelope_warnings(const cJSON *json, char out[ENVELOPE_WORDS])
{
    struct buf text = {0};
    add_all(&text, cJSON_GetObjectItemCaseSensitive(json, "warnings"));
    finish(&text, out);
}
