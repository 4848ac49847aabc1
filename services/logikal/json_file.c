/* Reading {"data":"base64 ..."} as it arrives, in the memory of a piece. See json_file.h. */
#include "services/logikal/json_file.h"

#include <stdint.h>
#include <string.h>
#include <cjson/cJSON.h>

void json_file_init(struct json_file *f, json_file_fn bytes, void *arg)
{
    json_file_free(f);
    *f = (struct json_file){.bytes = bytes, .arg = arg};
    buf_init(&f->rest, JSON_FILE_REST_LIMIT);
    buf_init(&f->key, 16);
}

void json_file_free(struct json_file *f)
{
    base64_text_free(&f->text);
    buf_free(&f->rest);
    buf_free(&f->key);
}

static bool hand_on(struct json_file *f, const unsigned char *bytes, int len)
{
    f->byte_count += (size_t)len;
    if (len && !f->bytes(f->arg, (const char *)bytes, (size_t)len)) f->is_stopped = true;
    return !f->is_stopped;
}

static bool decode(struct json_file *f, const char *text, size_t len)
{
    unsigned char bytes[BASE64_PIECE];
    f->text_len += len;
    while (len > 0 && !f->problem) {
        size_t piece = len < BASE64_PIECE ? len : BASE64_PIECE;
        int n = base64_text_add(&f->text, text, piece, bytes);
        if (n < 0)
            f->problem = "the parts list is not base64";
        else if (!hand_on(f, bytes, n))
            return false;
        text += piece;
        len -= piece;
    }
    return true;
}

static bool begin_data(struct json_file *f)
{
    f->after_data = false;
    f->in_data = true;
    if (f->has_file) f->problem = "two parts lists in it";
    f->has_file = true;
    if (!base64_text_begin(&f->text)) {
        f->is_stopped = true;
        return false;
    }
    return true;
}

static bool end_data(struct json_file *f)
{
    unsigned char bytes[64];
    f->in_data = false;
    if (f->problem || f->text_len == 0) return true;
    int n = base64_text_end(&f->text, bytes);
    if (n < 0) f->problem = "the parts list is not base64";
    return f->problem ? true : hand_on(f, bytes, n);
}

/* JSON may write a slash, or any character, as an escape. */
static bool take_escape(struct json_file *f, char c)
{
    static const char plain[] = "/\"\\", white[] = "nrtbf";
    if (f->escape == 1 && c != 'u') {
        f->escape = 0;
        if (strchr(white, c)) return decode(f, "\n", 1);
        return decode(f, strchr(plain, c) ? &c : "?", 1);
    }
    if (f->escape > 1) {
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (digit < 0) f->problem = "the parts list is not base64";
        f->code = f->code * 16 + (unsigned)(digit < 0 ? 0 : digit);
    }
    if (++f->escape < 6) return true;
    char letter = f->code < 0x80 ? (char)f->code : '?';
    f->escape = 0;
    f->code = 0;
    return decode(f, &letter, 1);
}

/* Text of the file: as much of it as there is. How many bytes were taken. */
static size_t take_data(struct json_file *f, const char *bytes, size_t len)
{
    if (f->escape) {
        take_escape(f, *bytes);
        return 1;
    }
    const char *escape = memchr(bytes, '\\', len);
    size_t n = escape ? (size_t)(escape - bytes) : len;
    const char *end = memchr(bytes, '"', n);
    if (end) n = (size_t)(end - bytes);
    if (n > 0) {
        decode(f, bytes, n);
        return n;
    }
    if (*bytes == '\\') {
        f->escape = 1;
    } else {
        end_data(f);
        buf_char(&f->rest, '"');
    }
    return 1;
}

static void take_string(struct json_file *f, char c)
{
    if (f->is_escaped)
        f->is_escaped = false;
    else if (c == '\\')
        f->is_escaped = true;
    else if (c == '"')
        f->in_string = false;
    if (f->in_string && f->depth == 1) buf_char(&f->key, c);
}

/* What is around the file. */
static bool take_other(struct json_file *f, char c)
{
    if (f->in_string) {
        take_string(f, c);
        return buf_char(&f->rest, c);
    }
    bool is_white = c == ' ' || c == '\n' || c == '\r' || c == '\t';
    if (c == '"' && f->after_data) return buf_char(&f->rest, c) && begin_data(f);
    if (c == '"') {
        f->in_string = true;
        buf_reset(&f->key);
    } else if (c == '{' || c == '[') {
        f->depth++;
    } else if (c == '}' || c == ']') {
        f->depth--;
    }
    if (c == ':')
        f->after_data = f->depth == 1 && !f->key.failed && f->key.len == 4 && memcmp(f->key.data, "data", 4) == 0;
    else if (!is_white)
        f->after_data = false;
    return buf_char(&f->rest, c);
}

bool json_file_feed(struct json_file *f, const char *bytes, size_t len)
{
    while (len > 0 && !f->is_stopped) {
        size_t n = 1;
        if (f->in_data)
            n = take_data(f, bytes, len);
        else if (!take_other(f, *bytes))
            f->is_stopped = true;
        bytes += n;
        len -= n;
    }
    return !f->is_stopped;
}

enum reading json_file_finish(struct json_file *f, char words[ENVELOPE_WORDS], const char **why)
{
    size_t skip = f->rest.len >= 3 && memcmp(f->rest.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    cJSON *json = f->rest.len > skip ? cJSON_ParseWithLength(f->rest.data + skip, f->rest.len - skip) : NULL;
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(json, "data");
    bool is_error = envelope_is_error(json);
    bool is_nothing = cJSON_IsObject(json) && !is_error &&
                      (!data || cJSON_IsNull(data) || (cJSON_IsString(data) && f->text_len == 0));
    if (is_nothing)
        *why = NULL;
    else if (is_error)
        *why = envelope_error(json, words);
    else if (!cJSON_IsString(data) || f->text_len == 0)
        *why = "no parts list in it";
    else
        *why = f->problem ? f->problem : f->byte_count == 0 ? "the parts list is not base64" : NULL;
    if (!*why) envelope_warnings(json, words);
    cJSON_Delete(json);
    return is_nothing ? READ_NOTHING : *why ? READ_BADLY : READ_WELL;
}
