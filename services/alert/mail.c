/* A mail as it goes over SMTP (RFC 5322): plain text in UTF-8, base64 (RFC 2045), its subject as encoded words (RFC
 * 2047), so that no line is too long and nothing in it is taken for a header. See mail.h. */
#include "services/alert/mail.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/evp.h>

#include "conf/text/buf.h"
#include "conf/machine/random.h"
#include "conf/text/utf8.h"

#define WORD_BYTES 42 /* of text in an encoded word: 56 letters, with its marks below the 75 that are allowed */
#define LINE_BYTES 57 /* of text in a line of 76 letters */

static void add_base64(struct buf *out, const char *bytes, size_t len)
{
    unsigned char coded[4 * ((LINE_BYTES + 2) / 3) + 1];
    int n = EVP_EncodeBlock(coded, (const unsigned char *)bytes, (int)len);
    buf_add(out, (const char *)coded, (size_t)n);
}

static void add_subject(struct buf *out, const char *subject)
{
    buf_str(out, "Subject:");
    for (const char *at = subject; *at;) {
        size_t n = utf8_cut(at, WORD_BYTES);
        if (n == 0) n = strnlen(at, WORD_BYTES); /* that is no UTF-8 */
        buf_str(out, at == subject ? " =?UTF-8?B?" : "\r\n =?UTF-8?B?");
        add_base64(out, at, n);
        buf_str(out, "?=");
        at += n;
    }
    buf_str(out, "\r\n");
}

/* Of settings: without what would begin another header. */
static void add_header(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, "%s: %.*s\r\n", name, (int)strcspn(value, "\r\n"), value);
}

char *mail_text(const char *from, const char *to, const char *subject, const char *text)
{
    struct buf out = {0};
    char date[64], id[UUID_TEXT_SIZE];
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", &tm);
    random_uuid4(id);
    add_header(&out, "Date", date);
    add_header(&out, "From", from);
    add_header(&out, "To", to);
    buf_printf(&out, "Message-ID: <%s@logikald>\r\n", id);
    add_subject(&out, subject);
    buf_str(&out,
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n"
            "Auto-Submitted: auto-generated\r\n\r\n");
    for (size_t len = strlen(text), at = 0; at < len; at += LINE_BYTES) {
        add_base64(&out, text + at, len - at < LINE_BYTES ? len - at : LINE_BYTES);
        buf_str(&out, "\r\n");
    }
    if (!out.failed) return out.data;
    buf_free(&out);
    return NULL;
}
