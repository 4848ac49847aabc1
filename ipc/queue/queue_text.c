/* Texts of the queue's messages: base64, Python's repr. See queue_message.h; JSON is json_text.c's. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>

#include "ipc/queue/queue_message.h"

char *base64_decode(const char *text, size_t text_len, size_t *len)
{
    errno = 0;
    while (text_len > 0 && strchr("\r\n ", text[text_len - 1])) text_len--;
    if (text_len % 4 != 0 || text_len > INT32_MAX) return NULL;
    size_t padding = 0;
    while (padding < 2 && padding < text_len && text[text_len - 1 - padding] == '=') padding++;
    if (text_len > 0 && memchr(text, '=', text_len - padding)) return NULL; /* OpenSSL would take it for an A */
    char *out = malloc(text_len / 4 * 3 + 1);
    if (!out) return NULL;
    int n = text_len ? EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)text, (int)text_len) : 0;
    if (n < 0 || (size_t)n != text_len / 4 * 3) {
        free(out);
        return NULL;
    }
    *len = (size_t)n - padding;
    out[*len] = '\0';
    return out;
}

bool base64_add(struct buf *out, const char *bytes, size_t len)
{
    if (len > INT32_MAX / 2 || !buf_reserve(out, (len + 2) / 3 * 4 + 1)) return false;
    out->len += (size_t)EVP_EncodeBlock((unsigned char *)out->data + out->len, (const unsigned char *)bytes, (int)len);
    return true;
}

static void repr_string(struct buf *out, const char *text)
{
    char quote = strchr(text, '\'') && !strchr(text, '"') ? '"' : '\'';
    buf_char(out, quote);
    for (const char *c = text; *c; c++) {
        if (*c == '\\' || *c == quote)
            buf_printf(out, "\\%c", *c);
        else if (*c == '\n')
            buf_str(out, "\\n");
        else if (*c == '\r')
            buf_str(out, "\\r");
        else if (*c == '\t')
            buf_str(out, "\\t");
        else if ((unsigned char)*c < 32 || *c == 127)
            buf_printf(out, "\\x%02x", (unsigned char)*c);
        else
            buf_char(out, *c);
    }
    buf_char(out, quote);
}

static void repr_number(struct buf *out, const cJSON *value)
{
    char text[32] = "";
    if (value->valuestring) {
        buf_str(out, value->valuestring);
    } else if (value->valuedouble == floor(value->valuedouble) && fabs(value->valuedouble) < 9.0e15) {
        buf_printf(out, "%lld", (long long)value->valuedouble);
    } else {
        for (int digits = 15; digits <= 17; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, value->valuedouble);
            if (strtod(text, NULL) == value->valuedouble) break;
        }
        buf_str(out, text);
    }
}

static void repr(struct buf *out, const cJSON *value, bool as_tuple, size_t limit)
{
    const cJSON *item;
    if (out->len > limit) return;
    if (cJSON_IsString(value))
        repr_string(out, value->valuestring);
    else if (cJSON_IsNumber(value))
        repr_number(out, value);
    else if (cJSON_IsRaw(value))
        buf_str(out, strcmp(value->valuestring, "NaN") == 0         ? "nan"
                     : strcmp(value->valuestring, "Infinity") == 0  ? "inf"
                     : strcmp(value->valuestring, "-Infinity") == 0 ? "-inf"
                                                                    : value->valuestring);
    else if (cJSON_IsBool(value))
        buf_str(out, cJSON_IsTrue(value) ? "True" : "False");
    else if (cJSON_IsArray(value)) {
        buf_char(out, as_tuple ? '(' : '[');
        cJSON_ArrayForEach(item, value) {
            repr(out, item, false, limit);
            if (item->next) buf_str(out, ", ");
        }
        if (as_tuple && value->child && !value->child->next) buf_char(out, ',');
        buf_char(out, as_tuple ? ')' : ']');
    } else if (cJSON_IsObject(value)) {
        buf_char(out, '{');
        cJSON_ArrayForEach(item, value) {
            repr_string(out, item->string);
            buf_str(out, ": ");
            repr(out, item, false, limit);
            if (item->next) buf_str(out, ", ");
        }
        buf_char(out, '}');
    } else {
        buf_str(out, "None");
    }
}

void python_repr(struct buf *out, const cJSON *value, bool as_tuple, size_t limit)
{
    size_t start = out->len;
    repr(out, value, as_tuple, start + limit);
    if (out->failed || out->len <= start + limit) return;
    size_t end = start + limit;
    while (end > start && ((unsigned char)out->data[end] & 0xC0) == 0x80) end--;
    out->len = end;
    out->data[end] = '\0';
    buf_str(out, "...");
}
