/* Texts of strangers in what goes out, the first byte chooses: sentences in another language, mails, chats, times in
 * JSON, and what secrets are taken out of. A zero byte in the input splits it. short run: 4000 */
#include <ctype.h>
#include <cjson/cJSON.h>

#include "conf/scrub.h"
#include "conf/text/hide.h"
#include "conf/text/json_times.h"
#include "conf/text/utf8.h"
#include "services/alert/mail.h"
#include "services/feed/format.h"
#include "services/web/http/render/phrase.h"
#include "tests/fuzz/fuzz.h"

static bool is_same(const struct buf *b, const char *text)
{
    size_t len = strlen(text);
    return b->len == len && (len == 0 || memcmp(b->data, text, len) == 0);
}

/* English stays as it is; German is made of whole characters again, and says nothing where nothing was said. */
static void translate(const char *text)
{
    struct buf out = {0}, english = {0};
    bool is_text = utf8_is_valid(text, strlen(text));
    phrase_add(&english, PHRASE_ENGLISH, text);
    PROMISE(is_same(&english, text));
    phrase_add(&out, "de", text);
    PROMISE(!out.failed && (!is_text || out.len == 0 || utf8_is_valid(out.data, out.len)));
    PROMISE((out.len == 0) == (*text == 0));
    for (size_t i = 0; i < out.len; i++)
        PROMISE(out.data[i] != 1 && out.data[i] != 5 ? true : strpbrk(text, "\1\5") != NULL);
    out.len = 0;
    phrase_add_number(&out, "de", text);
    phrase_add_time(&out, "de", text);
    PROMISE(!out.failed);
    buf_free(&out);
    buf_free(&english);
}

/* Lines are short and of ASCII, headers are those that are meant, and the text is all that is behind them. */
static void mail(const char *subject, const char *text)
{
    static const char *const names[] = {
        "Date: ",          "From: ",         "To: ",           "Message-ID: ",
        "Subject:",        "MIME-Version: ", "Content-Type: ", "Content-Transfer-Encoding: ",
        "Auto-Submitted: "};
    char *all = mail_text("a@b.example", "c@d.example", subject, text);
    PROMISE(all);
    size_t next = 0;
    const char *p = all;
    for (const char *end; strncmp(p, "\r\n", 2) != 0; p = end + 2) {
        end = strstr(p, "\r\n");
        PROMISE(end && end - p <= 76 + 76);
        for (const char *c = p; c < end; c++) PROMISE(*c >= ' ' && *c < 0x7f);
        if (*p == ' ') continue; /* more of the subject */
        PROMISE(next < sizeof names / sizeof *names && strncmp(p, names[next], strlen(names[next])) == 0);
        next++;
    }
    PROMISE(next == sizeof names / sizeof *names);
    size_t letters = 0;
    for (p += 2; *p; p++) letters += isalnum((unsigned char)*p) || strchr("+/=", *p);
    PROMISE(letters / 4 * 3 >= strlen(text) && letters / 4 * 3 < strlen(text) + 3);
    free(all);
}

/* As PostgreSQL has them: an object a line. */
static bool are_objects(const char *lines)
{
    for (const char *p = lines; *p; p += strcspn(p, "\n"), p += *p == '\n') {
        cJSON *json = cJSON_ParseWithLengthOpts(p, strcspn(p, "\n"), NULL, false);
        const char *end = NULL;
        bool is_one = cJSON_IsObject(json);
        cJSON_Delete(json);
        json = cJSON_ParseWithOpts(p, &end, false);
        cJSON_Delete(json);
        if (!is_one || end != p + strcspn(p, "\n")) return false;
    }
    return true;
}

/* Changes as receivers get them: JSON, and in a chat nothing that is a command of it. */
static void tell(enum format format, const char *lines, const char *name)
{
    char after[FORMAT_PLACE_MAX];
    struct buf body = {0};
    struct err err = {0};
    int changes = 0;
    if (!are_objects(lines) || !utf8_is_valid(lines, strlen(lines)) || !utf8_is_valid(name, strlen(name))) return;
    struct format_page page = {.lines = lines, .since = "1-2-3-4", .next = "1-2-3-5", .name = *name ? name : NULL};
    int rc = format_changes(format, &page, &body, &changes, after, &err);
    PROMISE(rc < 0 ? *err.text != 0 : !body.failed);
    cJSON *json = rc >= 0 && changes > 0 ? cJSON_ParseWithLength(body.data, body.len) : NULL;
    PROMISE(rc < 0 || changes == 0 || cJSON_IsObject(json));
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "text"));
    if (json && format == FORMAT_SLACK) PROMISE(text && !strpbrk(text, "<>\n\r"));
    cJSON_Delete(json);
    buf_free(&body);
}

/* JSON stays JSON, and only fractions of seconds grow. */
static void times(const char *text)
{
    struct buf out = {0}, again = {0};
    cJSON *before = cJSON_Parse(text);
    bool is_good = json_times_add(&out, text, strlen(text));
    PROMISE(is_good && out.len >= strlen(text));
    cJSON *after = before ? cJSON_ParseWithLength(out.data, out.len) : NULL;
    PROMISE(!before || after);
    PROMISE(out.len == 0 || (json_times_add(&again, out.data, out.len) && again.len == out.len));
    cJSON_Delete(before);
    cJSON_Delete(after);
    buf_free(&out);
    buf_free(&again);
}

/* A secret that is known stands nowhere afterwards; what is hidden by its place is found no second time. */
static void scrub(const char *secret, const char *text)
{
    struct scrub s = {0};
    struct buf out = {0}, hidden = {0};
    bool is_one = strlen(secret) >= SCRUB_WORD_BYTES && !strchr(secret, '*');
    scrub_add(&s, secret, strlen(secret));
    PROMISE(scrub_text(&s, &out, text, strlen(text)) && !s.failed);
    if (is_one && out.data) PROMISE(!strstr(out.data, secret));
    if (hide_secrets(&hidden, text, false)) PROMISE(strchr(hidden.data, '*'));
    buf_free(&out);
    buf_free(&hidden);
    scrub_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    char *first = fuzz_text(data + 1, size - 1);
    const char *second = strlen(first) < size - 1 ? first + strlen(first) + 1 : "";
    switch (data[0] % 8) {
    case 0: mail(first, second); break;
    case 1: tell(FORMAT_SLACK, first, second); break;
    case 2: tell(FORMAT_ODOO, first, second); break;
    case 3: tell(FORMAT_STANDARD, first, second); break;
    case 4: times(first); break;
    case 5: scrub(first, second); break;
    default: translate(first); break;
    }
    free(first);
    return 0;
}
