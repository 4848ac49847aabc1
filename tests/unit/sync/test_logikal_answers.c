/* What is read from an answer of Logikal, and what is said of one: files in pieces, tokens, texts of errors, base64. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "conf/text/utf8.h"
#include "services/logikal/client_internal.h"
#include "services/logikal/request.h"
#include "tests/support/test.h"

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

static bool on_listed(void *arg, const char *text, size_t len)
{
    (void)text;
    *(size_t *)arg = len;
    return true;
}

/* A list may be whole, and yet be all that there was when something went wrong. */
TEST(test_lists_are_read_with_what_stands_beside_them)
{
    static const struct {
        const char *body;
        enum reading expected;
        const char *words; /* of the refusal, or the warnings */
    } rows[] = {
        {"{\"data\":[{}]}", READ_WELL, ""},
        {"{\"data\":[{}],\"hints\":[\"h\"],\"warnings\":[],\"errors\":[],\"code\":0}", READ_WELL, ""},
        {"{\"data\":[{}],\"code\":200,\"message\":\"ok\",\"errors\":\"\"}", READ_WELL, ""},
        {"{\"data\":[{\"errors\":[\"of the object\"],\"code\":500}]}", READ_WELL, ""},
        {"{\"data\":[{}],\"warnings\":[\"a\",\"b\\nc\"]}", READ_WELL, "a; b c"},
        {"{\"warnings\":\"one\",\"data\":[]}", READ_WELL, "one"},
        {"{\"data\":[{}],\"errors\":[\"timeout\"]}", READ_BADLY, "an error that is called a success: timeout"},
        {"{\"data\":[{}],\"code\":\"\",\"success\":true,\"errors\":0}", READ_WELL, ""},
        {"{\"data\":[{}],\"code\":\"E7\",\"errors\":false}", READ_WELL, ""},
        {"{\"data\":[{}],\"code\":\"500\",\"message\":\"m\"}", READ_BADLY, "an error that is called a success: m"},
        {"{\"data\":[{}],\"errors\":true}", READ_BADLY, "an error that is called a success"},
        {"{\"data\":[{}],\"errors\":2}", READ_BADLY, "an error that is called a success"},
        {"{\"success\":false,\"data\":[],\"message\":\"m\"}", READ_BADLY, "an error that is called a success: m"},
        {"{\"errors\":[\"timeout\"],\"data\":[]}", READ_BADLY, "an error that is called a success: timeout"},
        {"\xef\xbb\xbf{\"errors\":\"a, b\",\"data\":[]}", READ_BADLY, "an error that is called a success: a, b"},
        {"{\"errors\":{\"x\":[\"y\"]},\"data\":[]}", READ_BADLY, "an error that is called a success"},
        {"{\"message\":\"busy\",\"data\":[{}],\"code\":503}", READ_BADLY, "an error that is called a success: busy"},
        {"{\"data\":[{}],\"errors\":[{\"message\":\"m\"}]}", READ_BADLY, "an error that is called a success: m"},
        {"{\"data\":[{}]", READ_BADLY, "not the JSON that was expected"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        static struct logikal_session s;
        struct logikal_job job = {.kind = i % 2 ? JOB_ELEVATIONS : JOB_DIRECTORIES};
        struct buf none = {0};
        const struct http_answer answer = {.status = 200, .body = &none, .type = "", .why = ""};
        const char *why = NULL;
        size_t len = 0;
        s = (struct logikal_session){.job = &job, .calling = CALL_ASK};
        json_list_init(&s.list, on_listed, &len);
        session_on_bytes(&s, rows[i].body, strlen(rows[i].body));
        enum reading reading = request_read_answer(&s, &answer, &why);
        json_list_free(&s.list);
        if (reading != rows[i].expected) fail_msg("row %zu: %d %s", i, (int)reading, why ? why : "");
        assert_string_equal(why ? why : s.words, rows[i].words);
    }
}

/* What is too large costs nothing but itself; what is nested deeply is read. */
TEST(test_one_large_object_is_one_object)
{
    static const struct {
        size_t size, delivered;
    } rows[] = {{10, 20},
                {70000, 70010},
                {JSON_LIST_ELEMENT_LIMIT - 11, JSON_LIST_ELEMENT_LIMIT - 1},
                {JSON_LIST_ELEMENT_LIMIT, JSON_LIST_ELEMENT_LIMIT},
                {5000000, JSON_LIST_ELEMENT_LIMIT}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json_list l = {0};
        struct buf text = {0};
        size_t len = 0;
        json_list_init(&l, on_listed, &len);
        buf_str(&text, "{\"data\":[{\"id\": \"");
        for (size_t k = 0; k < rows[i].size; k++) buf_char(&text, k % 7 ? 'x' : '[');
        buf_str(&text, "\"}");
        assert_true(json_list_feed(&l, text.data, text.len));
        buf_reset(&text);
        buf_str(&text, ",{\"a\":");
        for (int k = 0; k < 500; k++) buf_char(&text, '[');
        for (int k = 0; k < 500; k++) buf_char(&text, ']');
        assert_true(json_list_feed(&l, text.data, 5));
        assert_int_equal(len, rows[i].delivered);
        assert_true(json_list_feed(&l, text.data + 5, text.len - 5));
        assert_true(json_list_feed(&l, "}]}", 3));
        assert_int_equal(len, 1006);
        assert_true(json_list_finish(&l));
        json_list_free(&l);
        buf_free(&text);
    }
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
        {CALL_ASK, JOB_PARTS, 200, "{\"data\":\"QUJD\",\"errors\":[\"x\"]}", READ_BADLY},
        {CALL_ASK, JOB_PARTS, 200, "{\"errors\":[],\"code\":0,\"data\":\"QUJD\",\"warnings\":[\"x\"]}", READ_WELL},
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
            enum reading reading = json_file_finish(&s.file, s.words, &why);
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
    cmocka_unit_test(test_answers_are_read_by_table),
    cmocka_unit_test(test_lists_are_read_with_what_stands_beside_them),
    cmocka_unit_test(test_one_large_object_is_one_object),
    cmocka_unit_test(test_files_are_read_as_they_come),
    cmocka_unit_test(test_long_tokens),
    cmocka_unit_test(test_errors_are_told_in_their_own_words),
    cmocka_unit_test(test_texts_are_cut_between_letters),
    cmocka_unit_test(test_base64_in_any_pieces_is_what_libcrypto_makes_of_it),
};
TEST_MAIN(tests, NULL, NULL)
