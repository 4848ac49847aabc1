/* The one policy for answers: every call, status and fault by a table, and what no table row may ever do. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "conf/text/utf8.h"
#include "services/logikal/client_internal.h"
#include "services/logikal/request.h"
#include "tests/support/test.h"

static const char *const names[POLICY_COUNT] = {"go on",      "nothing",   "again",  "anew",   "straight",
                                                "login",      "later",     "locked", "gone",   "refused",
                                                "unreadable", "too large", "fewer",  "denied", "redirected"};

TEST(test_policy_by_table)
{
    static const struct {
        struct policy_facts facts;
        enum policy expected;
    } rows[] = {
        /* logins */
        {{.call = CALL_LOGIN, .status = 200}, POLICY_GO_ON},
        {{.call = CALL_LOGIN, .status = 401}, POLICY_AGAIN},
        {{.call = CALL_LOGIN, .status = 401, .tries = 2}, POLICY_DENIED},
        {{.call = CALL_LOGIN, .status = 403, .tries = 2}, POLICY_DENIED},
        {{.call = CALL_LOGIN, .status = 401, .tries = 9, .has_logins = true}, POLICY_AGAIN},
        {{.call = CALL_LOGIN, .status = 401, .tries = 9, .has_been_accepted = true}, POLICY_AGAIN},
        {{.call = CALL_LOGIN, .status = 401, .has_others = true}, POLICY_FEWER},
        {{.call = CALL_LOGIN, .status = 409, .has_others = true}, POLICY_FEWER},
        {{.call = CALL_LOGIN, .status = 429, .has_others = true}, POLICY_FEWER},
        {{.call = CALL_LOGIN, .status = 500, .has_others = true}, POLICY_FEWER},
        {{.call = CALL_LOGIN, .status = 503, .has_others = true}, POLICY_FEWER},
        {{.call = CALL_LOGIN, .status = 404, .has_others = true}, POLICY_FEWER},
        {{.call = CALL_LOGIN, .status = 409, .tries = 9}, POLICY_AGAIN},
        {{.call = CALL_LOGIN, .status = 503, .tries = 9}, POLICY_AGAIN},
        {{.call = CALL_LOGIN, .status = 307}, POLICY_AGAIN},
        {{.call = CALL_LOGIN, .status = 307, .tries = 1}, POLICY_REDIRECTED},
        {{.call = CALL_LOGIN, .status = 301, .tries = 1}, POLICY_REDIRECTED},
        {{.call = CALL_LOGIN, .status = 200, .reading = READ_BADLY}, POLICY_AGAIN},
        {{.call = CALL_LOGIN, .status = 200, .reading = READ_BADLY, .tries = 5}, POLICY_UNREADABLE},
        {{.call = CALL_LOGIN, .fault = HTTP_FAULT_CONNECT}, POLICY_AGAIN},
        {{.call = CALL_LOGIN, .fault = HTTP_FAULT_CONNECT, .tries = 9}, POLICY_AGAIN},
        {{.call = CALL_LOGIN, .fault = HTTP_FAULT_TIMEOUT, .tries = 2, .has_others = true}, POLICY_FEWER},
        /* logouts */
        {{.call = CALL_LOGOUT, .status = 200}, POLICY_GO_ON},
        {{.call = CALL_LOGOUT, .status = 401}, POLICY_GO_ON},
        {{.call = CALL_LOGOUT, .status = 404}, POLICY_GO_ON},
        {{.call = CALL_LOGOUT, .status = 500}, POLICY_AGAIN},
        {{.call = CALL_LOGOUT, .status = 409}, POLICY_AGAIN},
        {{.call = CALL_LOGOUT, .status = 405}, POLICY_AGAIN},
        {{.call = CALL_LOGOUT, .status = 302}, POLICY_AGAIN},
        {{.call = CALL_LOGOUT, .fault = HTTP_FAULT_CUT}, POLICY_AGAIN},
        /* selects */
        {{.call = CALL_SELECT, .status = 200}, POLICY_GO_ON},
        {{.call = CALL_SELECT, .status = 204}, POLICY_GO_ON},
        {{.call = CALL_SELECT, .status = 200, .reading = READ_BADLY}, POLICY_ANEW},
        {{.call = CALL_SELECT, .status = 200, .reading = READ_BADLY, .tries = 5}, POLICY_UNREADABLE},
        {{.call = CALL_SELECT, .status = 401}, POLICY_LOGIN},
        {{.call = CALL_SELECT, .status = 404}, POLICY_ANEW},
        {{.call = CALL_SELECT, .status = 404, .is_anew = true}, POLICY_GONE},
        {{.call = CALL_SELECT, .status = 410, .is_anew = true}, POLICY_GONE},
        {{.call = CALL_SELECT, .status = 405}, POLICY_ANEW},
        {{.call = CALL_SELECT, .status = 405, .is_anew = true}, POLICY_REFUSED},
        {{.call = CALL_SELECT, .status = 409}, POLICY_AGAIN},
        {{.call = CALL_SELECT, .status = 409, .tries = 1}, POLICY_ANEW},
        {{.call = CALL_SELECT, .status = 409, .tries = 2, .is_anew = true}, POLICY_LATER},
        {{.call = CALL_SELECT, .status = 409, .is_second_round = true}, POLICY_LOCKED},
        {{.call = CALL_SELECT, .status = 404, .is_sideways = true}, POLICY_STRAIGHT},
        {{.call = CALL_SELECT, .status = 405, .is_sideways = true}, POLICY_STRAIGHT},
        {{.call = CALL_SELECT, .status = 409, .is_sideways = true}, POLICY_STRAIGHT},
        {{.call = CALL_SELECT, .status = 400, .is_sideways = true}, POLICY_STRAIGHT},
        {{.call = CALL_SELECT, .status = 403, .is_sideways = true}, POLICY_STRAIGHT},
        {{.call = CALL_SELECT, .status = 429, .is_sideways = true}, POLICY_AGAIN},
        {{.call = CALL_SELECT, .status = 400}, POLICY_REFUSED},
        {{.call = CALL_SELECT, .status = 403}, POLICY_REFUSED},
        {{.call = CALL_SELECT, .status = 429}, POLICY_AGAIN},
        {{.call = CALL_SELECT, .status = 502}, POLICY_AGAIN},
        {{.call = CALL_SELECT, .status = 302}, POLICY_ANEW},
        {{.call = CALL_SELECT, .status = 302, .is_anew = true}, POLICY_REFUSED},
        {{.call = CALL_SELECT, .fault = HTTP_FAULT_CONNECT}, POLICY_AGAIN},
        {{.call = CALL_SELECT, .fault = HTTP_FAULT_CUT}, POLICY_ANEW},
        {{.call = CALL_SELECT, .fault = HTTP_FAULT_TIMEOUT}, POLICY_ANEW},
        {{.call = CALL_SELECT, .fault = HTTP_FAULT_CUT, .is_sideways = true}, POLICY_ANEW},
        /* questions */
        {{.call = CALL_ASK, .status = 200}, POLICY_GO_ON},
        {{.call = CALL_ASK, .status = 204, .reading = READ_NOTHING}, POLICY_GO_ON},
        {{.call = CALL_ASK, .status = 200, .reading = READ_NOTHING, .is_parts = true}, POLICY_NOTHING},
        {{.call = CALL_ASK, .status = 404, .is_parts = true}, POLICY_NOTHING},
        {{.call = CALL_ASK, .status = 404}, POLICY_ANEW},
        {{.call = CALL_ASK, .status = 404, .is_anew = true}, POLICY_GONE},
        {{.call = CALL_ASK, .status = 401}, POLICY_LOGIN},
        {{.call = CALL_ASK, .status = 405}, POLICY_ANEW},
        {{.call = CALL_ASK, .status = 405, .is_anew = true}, POLICY_REFUSED},
        {{.call = CALL_ASK, .status = 409}, POLICY_AGAIN},
        {{.call = CALL_ASK, .status = 409, .tries = 1}, POLICY_ANEW},
        {{.call = CALL_ASK, .status = 409, .is_anew = true}, POLICY_LATER},
        {{.call = CALL_ASK, .status = 409, .is_anew = true, .is_second_round = true}, POLICY_LOCKED},
        {{.call = CALL_ASK, .status = 200, .reading = READ_BADLY}, POLICY_AGAIN},
        {{.call = CALL_ASK, .status = 200, .reading = READ_BADLY, .is_drawing = true}, POLICY_UNREADABLE},
        {{.call = CALL_ASK, .status = 500, .is_drawing = true}, POLICY_AGAIN},
        {{.call = CALL_ASK, .status = 400}, POLICY_REFUSED},
        {{.call = CALL_ASK, .status = 403}, POLICY_REFUSED},
        {{.call = CALL_ASK, .status = 418}, POLICY_REFUSED},
        {{.call = CALL_ASK, .status = 429}, POLICY_AGAIN},
        {{.call = CALL_ASK, .status = 500, .tries = 9}, POLICY_AGAIN},
        {{.call = CALL_ASK, .status = 302}, POLICY_ANEW},
        {{.call = CALL_ASK, .status = 200, .reading = READ_BADLY}, POLICY_AGAIN},
        {{.call = CALL_ASK, .status = 200, .reading = READ_BADLY, .tries = 5}, POLICY_UNREADABLE},
        {{.call = CALL_ASK, .fault = HTTP_FAULT_SINK}, POLICY_AGAIN},
        {{.call = CALL_ASK, .fault = HTTP_FAULT_CUT}, POLICY_AGAIN},
        {{.call = CALL_ASK, .fault = HTTP_FAULT_TOO_LARGE}, POLICY_TOO_LARGE},
        {{.call = CALL_SELECT, .fault = HTTP_FAULT_TOO_LARGE}, POLICY_TOO_LARGE},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum policy policy = policy_decide(&rows[i].facts);
        if (policy != rows[i].expected)
            fail_msg("row %zu: %s instead of %s", i, names[policy], names[rows[i].expected]);
    }
}

static void each_facts(void (*check)(const struct policy_facts *))
{
    static const int statuses[] = {200, 201, 204, 301, 302, 307, 400, 401, 403, 404, 405, 408,
                                   409, 410, 418, 422, 425, 429, 500, 501, 502, 503, 504, 599};
    for (int n = 0; n < 4 * 24 * 3 * 1024; n++) {
        int bits = n / (4 * 24 * 3);
        struct policy_facts f = {.call = (enum session_call)(n % 4),
                                 .status = statuses[n / 4 % 24],
                                 .reading = (enum reading)(n / 96 % 3),
                                 .is_parts = bits & 1,
                                 .is_sideways = bits & 2,
                                 .is_anew = bits & 4,
                                 .is_second_round = bits & 8,
                                 .has_others = bits & 16,
                                 .has_logins = bits & 32,
                                 .has_been_accepted = bits & 64,
                                 .tries = bits >> 7};
        check(&f);
    }
}

/* Whatever the upstream says: only a login that nobody else has passed ends a run; only a 409 is a lock, and a lock
 * never means gone, refused or again for long; nothing that was listed is gone at the first word. */
static void check_promises(const struct policy_facts *f)
{
    enum policy policy = policy_decide(f);
    bool ends_run = policy == POLICY_DENIED || policy == POLICY_REDIRECTED;
    bool is_lock = policy == POLICY_LATER || policy == POLICY_LOCKED;
    if (ends_run && (f->call != CALL_LOGIN || (policy == POLICY_DENIED && (f->has_others || f->has_been_accepted))))
        fail_msg("a run ends of %d to call %d", f->status, (int)f->call);
    if (is_lock && (f->status != 409 || f->call < CALL_SELECT)) fail_msg("%d is no lock", f->status);
    if (f->status == 409 && f->call >= CALL_SELECT && (policy == POLICY_GONE || policy == POLICY_REFUSED))
        fail_msg("a lock is %s", names[policy]);
    if (f->status == 409 && f->call >= CALL_SELECT && f->is_anew && policy == POLICY_AGAIN)
        fail_msg("a lock is tried again");
    if (policy == POLICY_GONE && !f->is_anew) fail_msg("gone at the first word");
    if (policy == POLICY_FEWER && (f->call != CALL_LOGIN || !f->has_others)) fail_msg("fewer than one session");
    if (f->call == CALL_LOGIN && f->has_others && f->status >= 400 && policy != POLICY_FEWER)
        fail_msg("a refused login with others open is %s", names[policy]);
    if (f->call == CALL_LOGOUT && policy != POLICY_GO_ON && policy != POLICY_AGAIN)
        fail_msg("a logout is %s", names[policy]);
    if (f->reading == READ_BADLY && f->status / 100 == 2 && f->call != CALL_LOGOUT && policy == POLICY_GO_ON)
        fail_msg("an answer that cannot be read is believed");
}

TEST(test_policy_keeps_its_promises)
{
    each_facts(check_promises);
}

/* ---- what is read from an answer ---- */

static struct buf taken;

static bool take_bytes(struct logikal_job *job, const char *bytes, size_t len)
{
    (void)job;
    return buf_add(&taken, bytes, len);
}

static bool on_file(void *arg, const char *bytes, size_t len)
{
    struct logikal_session *s = arg;
    return s->job->bytes(s->job, bytes, len);
}

static enum reading read_as(enum session_call call, enum job_kind kind, int status, const char *body, const char **why)
{
    static struct logikal_session s;
    struct logikal_job job = {.kind = kind};
    struct buf text = {0};
    struct http_answer answer = {.status = status, .body = &text, .type = "", .why = ""};
    job.bytes = take_bytes;
    s = (struct logikal_session){.job = &job, .calling = call};
    json_file_init(&s.file, on_file, &s);
    if (kind == JOB_PARTS)
        session_on_bytes(&s, body, strlen(body));
    else
        buf_str(&text, body);
    enum reading reading = request_read_answer(&s, &answer, why);
    json_file_free(&s.file);
    buf_free(&text);
    return reading;
}

TEST(test_answers_are_read_by_table)
{
    static const struct {
        enum session_call call;
        enum job_kind kind;
        int status;
        const char *body;
        enum reading expected;
    } rows[] = {
        {CALL_SELECT, JOB_VISIT, 200, "{\"hints\":[],\"warnings\":[]}", READ_WELL},
        {CALL_SELECT, JOB_VISIT, 200, "\xef\xbb\xbf{}", READ_WELL},
        {CALL_SELECT, JOB_VISIT, 200, " \r\n{\"errors\":[]} ", READ_WELL},
        {CALL_SELECT, JOB_VISIT, 204, "", READ_WELL},
        {CALL_SELECT, JOB_VISIT, 200, "", READ_BADLY},
        {CALL_SELECT, JOB_VISIT, 200, "<html><body>Wartung</body></html>", READ_BADLY},
        {CALL_SELECT, JOB_VISIT, 200, "[]", READ_BADLY},
        {CALL_SELECT, JOB_VISIT, 200, "7", READ_BADLY},
        {CALL_SELECT, JOB_VISIT, 200, "{\"hints\":", READ_BADLY},
        {CALL_SELECT, JOB_VISIT, 200, "{\"message\":\"x\",\"code\":409,\"errors\":[]}", READ_BADLY},
        {CALL_SELECT, JOB_VISIT, 200, "{\"errors\":[\"x\"]}", READ_BADLY},
        {CALL_LOGIN, JOB_VISIT, 200, "\xef\xbb\xbf{\"data\":{\"token\":\"a-b\"}}", READ_WELL},
        {CALL_LOGIN, JOB_VISIT, 200, "{\"data\":{}}", READ_BADLY},
        {CALL_ASK, JOB_PARTS, 200, "{\"data\":\"QUJD\"}", READ_WELL},
        {CALL_ASK, JOB_PARTS, 200, "\xef\xbb\xbf{\"data\":\"QUJD\"}", READ_WELL},
        {CALL_ASK, JOB_PARTS, 200, "{\"data\":\"\"}", READ_NOTHING},
        {CALL_ASK, JOB_PARTS, 200, "{\"data\":null,\"hints\":[]}", READ_NOTHING},
        {CALL_ASK, JOB_PARTS, 200, "{\"hints\":[],\"warnings\":[]}", READ_NOTHING},
        {CALL_ASK, JOB_PARTS, 204, "", READ_NOTHING},
        {CALL_ASK, JOB_PARTS, 200, "", READ_BADLY},
        {CALL_ASK, JOB_PARTS, 200, "{\"data\":7}", READ_BADLY},
        {CALL_ASK, JOB_PARTS, 200, "{\"data\":[]}", READ_BADLY},
        {CALL_ASK, JOB_PARTS, 200, "{\"data\":\"***\"}", READ_BADLY},
        {CALL_ASK, JOB_PARTS, 200, "{\"message\":\"x\",\"code\":500,\"errors\":[\"x\"]}", READ_BADLY},
        {CALL_ASK, JOB_PARTS, 200, "<html>", READ_BADLY},
        {CALL_ASK, JOB_ELEVATIONS, 204, "", READ_NOTHING},
        {CALL_ASK, JOB_THUMBNAIL, 204, "", READ_BADLY},
        {CALL_ASK, JOB_THUMBNAIL, 200, "<html>", READ_BADLY},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *why = NULL;
        enum reading reading = read_as(rows[i].call, rows[i].kind, rows[i].status, rows[i].body, &why);
        if (reading != rows[i].expected || (reading == READ_BADLY) != (why != NULL))
            fail_msg("row %zu: %d %s", i, (int)reading, why ? why : "");
    }
}

/* However it comes in pieces and is written, it is the same file. */
TEST(test_files_are_read_as_they_come)
{
    static const struct {
        const char *json, *bytes;
    } rows[] = {
        {"{\"data\":\"QUJDRA==\"}", "ABCD"},
        {" { \"hints\" : [ \"data\", {\"data\":\"WFla\"} ] , \"data\" :\n \"QUJD\" , \"x\" : 1 }", "ABC"},
        {"{\"data\":\"Pz8\\/Pz8\\u002f\"}", "\x3f\x3f\x3f\x3f\x3f\x3f"},
        {"{\"data\":\"QU\\nJD\\r\\nRA==\"}", "ABCD"},
        {"{\"a\":\"\\\"data\\\":\",\"data\":\"QUJD\"}", "ABC"},
        {"{\"data\":\"QUJD\",\"warnings\":[\"}\"]}", "ABC"},
        {"{\"data\":\"QUJD", NULL},
        {"{\"data\":\"QUJ\"}", NULL},
        {"{\"data\":\"QUJD\",\"data\":\"QUJD\"}", NULL},
        {"{\"data\":\"QUJD\"", NULL},
        {"{\"data\":\"Q\\u00zzJD\"}", NULL},
        {"[\"data\",\"QUJD\"]", NULL},
        {"{\"x\":{\"data\":\"QUJD\"},\"data\":5}", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t piece = 1; piece < 9; piece++) {
            struct logikal_session s = {.job = &(struct logikal_job){.kind = JOB_PARTS, .bytes = take_bytes}};
            const char *why = NULL;
            size_t len = strlen(rows[i].json);
            buf_reset(&taken);
            json_file_init(&s.file, on_file, &s);
            for (size_t at = 0; at < len; at += piece)
                assert_true(json_file_feed(&s.file, rows[i].json + at, len - at < piece ? len - at : piece));
            enum reading reading = json_file_finish(&s.file, &why);
            if (reading != (rows[i].bytes ? READ_WELL : READ_BADLY)) fail_msg("row %zu: %d %s", i, (int)reading, why);
            if (rows[i].bytes) assert_string_equal(taken.data, rows[i].bytes);
            json_file_free(&s.file);
        }
    buf_free(&taken);
}

TEST(test_long_tokens)
{
    static const struct {
        int len;
        bool is_fine;
    } rows[] = {{511, true}, {512, true}, {900, true}, {8191, true}, {8192, false}, {20000, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf body = {0};
        char token[TOKEN_SIZE];
        buf_str(&body, "{\"data\":{\"token\":\"");
        for (int k = 0; k < rows[i].len; k++) buf_char(&body, 'x');
        buf_str(&body, "\"}}");
        const char *why = request_read_token(&body, token, sizeof token);
        if (!why != rows[i].is_fine) fail_msg("%d: %s", rows[i].len, why ? why : "");
        if (!why) assert_int_equal(strlen(token), rows[i].len);
        buf_free(&body);
    }
}

/* ---- what is said about an answer ---- */

TEST(test_errors_are_told_in_their_own_words)
{
    static const struct {
        int status;
        const char *body, *location, *expected;
    } rows[] = {
        {409, "{\"message\":\"locked\"}", NULL, "Logikal answered 409 to X (p): locked"},
        {500, "{\"errors\":[\"one\",\"two\"]}", NULL, "Logikal answered 500 to X (p): one; two"},
        {500, "{\"message\":\"m\",\"errors\":[\"one\"]}", NULL, "Logikal answered 500 to X (p): m; one"},
        {500, "{\"errors\":[{\"message\":\"one\"},7]}", NULL, "Logikal answered 500 to X (p): one"},
        {500, "{\"message\":\"m\",\"errors\":[\"m\",\"n\"]}", NULL, "Logikal answered 500 to X (p): m; n"},
        {500, "<html>", NULL, "Logikal answered 500 to X (p)"},
        {307, "", "https://sso.example/login", "Logikal answered 307 to X (p): it is now at https://sso.example/login"},
        {302, "", NULL, "Logikal answered 302 to X (p): it is now at an address it does not tell"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf body = {0};
        char text[600];
        buf_str(&body, rows[i].body);
        const struct http_answer answer = {.status = rows[i].status, .body = &body, .location = rows[i].location};
        assert_string_equal(answer_text(&answer, "X", "p", text, sizeof text), rows[i].expected);
        buf_free(&body);
    }
}

/* Letters of one to four bytes, at every alignment and in every room: never half of one. */
TEST(test_texts_are_cut_between_letters)
{
    static const char *const letters[] = {"x", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x9a\xaa", "\xfc", "\xd0\xb6"};
    for (size_t k = 0; k < sizeof letters / sizeof letters[0]; k++) {
        for (int shift = 0; shift < 4; shift++) {
            struct buf body = {0};
            buf_str(&body, "{\"message\":\"");
            for (int i = 0; i < shift; i++) buf_char(&body, '.');
            for (int i = 0; i < 700; i++) buf_str(&body, letters[k]);
            buf_str(&body, "\"}");
            const struct http_answer answer = {.status = 400, .body = &body};
            for (size_t size = 40; size < 640; size += 1 + size % 3) {
                char text[640];
                answer_text(&answer, "POST /projects/select", letters[k], text, size);
                assert_true(strlen(text) < size);
                assert_true(utf8_is_valid(text, strlen(text)));
            }
            buf_free(&body);
        }
    }
}

/* ---- base64 in pieces ---- */

/* By libcrypto alone, at once: how many bytes, -1 = it is none. A '-' is none, and neither is more behind the end. */
static int decoded_whole(const char *text, size_t len, unsigned char *out)
{
    const char *end = memchr(text, '=', len);
    if (memchr(text, '-', len)) return -1;
    for (const char *p = end; p && p < text + len; p++)
        if (!*p || !strchr("= \t\n", *p)) return -1;
    EVP_ENCODE_CTX *decoder = EVP_ENCODE_CTX_new();
    int n = 0, rest = 0;
    EVP_DecodeInit(decoder);
    bool is_well = EVP_DecodeUpdate(decoder, out, &n, (const unsigned char *)text, (int)len) >= 0 &&
                   EVP_DecodeFinal(decoder, out + n, &rest) == 1;
    EVP_ENCODE_CTX_free(decoder);
    return is_well ? n + rest : -1;
}

static int decoded_in_pieces(struct base64_text *b, const char *text, size_t len, unsigned char *out)
{
    int sum = 0;
    assert_true(base64_text_begin(b));
    for (size_t at = 0, piece; at < len; at += piece) {
        piece = (size_t)rand() % (rand() % 3 ? 9 : 4000);
        if (piece > len - at) piece = len - at;
        int n = base64_text_add(b, text + at, piece, out + sum);
        if (n < 0) return -1;
        sum += n;
    }
    int n = base64_text_end(b, out + sum);
    return n < 0 ? -1 : sum + n;
}

/* Texts by chance: whole, with line ends, with something wrong somewhere, cut; the same comes of them however they
 * come. */
TEST(test_base64_in_any_pieces_is_what_libcrypto_makes_of_it)
{
    static const char wrong[] = "=-\n *\x80 \t";
    static unsigned char bytes[6000], whole[9000], pieces[30000];
    static char text[9000];
    struct base64_text b = {0};
    int well = 0, badly = 0;
    srand(11);
    for (int round = 0; round < 4000; round++) {
        size_t len = (size_t)rand() % (round % 2 ? 40 : sizeof bytes), n = 0;
        for (size_t i = 0; i < len; i++) bytes[i] = (unsigned char)rand();
        n = (size_t)EVP_EncodeBlock((unsigned char *)text, bytes, (int)len);
        for (int harm = rand() % 3; harm > 0 && n > 0; harm--)
            if (round % 4 > 1) text[(size_t)rand() % n] = wrong[(size_t)rand() % (sizeof wrong - 1)];
        if (round % 8 == 7) n -= (size_t)rand() % (n + 1);
        int expected = decoded_whole(text, n, whole), got = decoded_in_pieces(&b, text, n, pieces);
        if (expected != got) fail_msg("%d instead of %d bytes: %.*s", got, expected, (int)n, text);
        if (expected > 0) assert_memory_equal(whole, pieces, (size_t)expected);
        *(expected < 0 ? &badly : &well) += 1;
    }
    base64_text_free(&b);
    assert_true(well > 1000 && badly > 500);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_policy_by_table),
    cmocka_unit_test(test_policy_keeps_its_promises),
    cmocka_unit_test(test_answers_are_read_by_table),
    cmocka_unit_test(test_files_are_read_as_they_come),
    cmocka_unit_test(test_long_tokens),
    cmocka_unit_test(test_errors_are_told_in_their_own_words),
    cmocka_unit_test(test_texts_are_cut_between_letters),
    cmocka_unit_test(test_base64_in_any_pieces_is_what_libcrypto_makes_of_it),
};
TEST_MAIN(tests, NULL, NULL)
