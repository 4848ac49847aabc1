/* Lies told by the bytes, the status, the headers, the session: see lie_edits.h. */
#include <event2/keyvalq_struct.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "conf/clock.h"
#include "tests/sim/api.h"
#include "tests/sim/lies/lie_edits.h"

static void add_header(struct call *call, const char *name, const char *value)
{
    evhttp_add_header(evhttp_request_get_output_headers(call->req), name, value);
}

static void set_body(struct call *call, const void *bytes, size_t len)
{
    buf_reset(&call->body);
    buf_add(&call->body, bytes, len);
}

/* Nobody can log out of a session whose token never arrived. */
static void forget_login(struct call *call)
{
    if (call->route->endpoint != EP_AUTH || !call->session) return;
    session_close(&call->sim->sessions, call->session);
    call->sim->stats.logins--;
    call->session = NULL;
}

void lie_prefix(struct call *call, const struct lie *lie)
{
    struct buf whole = {0};
    buf_str(&whole, lie->value);
    buf_add(&whole, call->body.data, call->body.len);
    buf_free(&call->body);
    call->body = whole;
}

void lie_suffix(struct call *call, const struct lie *lie)
{
    buf_str(&call->body, lie->value);
}

void lie_body(struct call *call, const struct lie *lie)
{
    set_body(call, lie->value, strlen(lie->value));
    if (lie->number) call->status = lie->number;
    if (*lie->value == '<') call->content_type = "text/html; charset=utf-8";
    forget_login(call);
}

void lie_status(struct call *call, const struct lie *lie)
{
    call->status = lie->number;
}

void lie_half(struct call *call, const struct lie *lie)
{
    (void)lie;
    call->body.len /= 2;
    forget_login(call);
}

static void convert(struct call *call, const char *to, const char *mark, size_t mark_len)
{
    iconv_t cd = iconv_open(to, "UTF-8");
    size_t in_left = call->body.len, out_left = 2 * call->body.len + 8;
    char *in = call->body.data, *bytes = malloc(out_left), *out = bytes;
    if (cd == (iconv_t)-1 || !bytes) abort();
    memcpy(out, mark, mark_len);
    out += mark_len;
    out_left -= mark_len;
    iconv(cd, &in, &in_left, &out, &out_left);
    iconv_close(cd);
    set_body(call, bytes, (size_t)(out - bytes));
    free(bytes);
}

void lie_utf16(struct call *call, const struct lie *lie)
{
    (void)lie;
    convert(call, "UTF-16LE", "\xff\xfe", 2);
    call->content_type = "application/json; charset=utf-16";
    forget_login(call);
}

void lie_latin1(struct call *call, const struct lie *lie)
{
    (void)lie;
    convert(call, "ISO-8859-1//TRANSLIT", "", 0);
    call->content_type = "application/json";
}

void lie_gzip(struct call *call, const struct lie *lie)
{
    (void)lie;
    z_stream z = {.next_in = (unsigned char *)call->body.data, .avail_in = (unsigned)call->body.len};
    size_t size = call->body.len + 1024;
    unsigned char *bytes = malloc(size);
    if (!bytes || deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) abort();
    z.next_out = bytes;
    z.avail_out = (unsigned)size;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END) abort();
    deflateEnd(&z);
    set_body(call, bytes, z.total_out);
    free(bytes);
    add_header(call, "Content-Encoding", "gzip");
}

void lie_type(struct call *call, const struct lie *lie)
{
    call->content_type = lie->value;
}

bool lie_german(struct call *call, const struct lie *lie)
{
    static unsigned shift;
    struct buf text = {0};
    for (unsigned i = 0; i < shift % 4; i++) buf_char(&text, 'x');
    shift++;
    buf_str(&text,
            "Die angeforderte Ressource \"Häuser am Flußufer, Türen und Fenster für Österreich\" ist gesperrt: ");
    while (text.len < 700) buf_str(&text, "üöäßÜÖÄ");
    call_error(call, lie->number, text.data);
    buf_free(&text);
    return true;
}

bool lie_refuse(struct call *call, const struct lie *lie)
{
    if (*lie->value == '{' || *lie->value == '<') {
        set_body(call, lie->value, strlen(lie->value));
        call->status = lie->number;
    } else {
        call_error(call, lie->number, lie->value);
    }
    return true;
}

bool lie_redirect(struct call *call, const struct lie *lie)
{
    call->status = lie->number;
    set_body(call, "", 0);
    add_header(call, "Location", lie->value);
    return true;
}

bool lie_clock(struct call *call, const struct lie *lie)
{
    char text[64];
    time_t now = time(NULL) + lie->number;
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    add_header(call, "Date", lie->value ? lie->value : text);
    return false;
}

bool lie_session_limit(struct call *call, const struct lie *lie)
{
    if (call->sim->sessions.open < 1) return false;
    call->sim->stats.logins_failed++;
    call_error(call, lie->number, "Authentication failed. The number of concurrent sessions is exhausted.");
    return true;
}

bool lie_ends_others(struct call *call, const struct lie *lie)
{
    (void)lie;
    session_expire_due(&call->sim->sessions, INT64_MAX);
    return false;
}

bool lie_same_token(struct call *call, const struct lie *lie)
{
    (void)lie;
    struct session *open = session_any(&call->sim->sessions, mono_ms());
    if (!open) return false;
    session_return(open);
    call->session = open;
    call->status = 200;
    buf_printf(&call->body, "{\"data\":{\"username\":\"demo\",\"token\":\"%s\"},\"hints\":[],\"warnings\":[]}",
               open->token);
    return true;
}

bool lie_short_token(struct call *call, const struct lie *lie)
{
    if (!call->session || (int)++call->session->calls <= lie->number) return false;
    char token[GUID_SIZE];
    memcpy(token, call->session->token, sizeof token);
    session_expire(&call->sim->sessions, call->session);
    call->session = session_find(&call->sim->sessions, token, mono_ms()); /* looking for it tells its owner */
    return false;
}

void lie_token_long(struct call *call, const struct lie *lie)
{
    if (!call->session) return;
    struct buf body = {0};
    const char *end = strstr(call->body.data, call->session->token);
    if (!end) return;
    end += strlen(call->session->token);
    buf_add(&body, call->body.data, (size_t)(end - call->body.data));
    buf_char(&body, '.');
    for (int i = 0; i < lie->number; i++) buf_char(&body, (char)('a' + i % 26));
    buf_str(&body, end);
    buf_free(&call->body);
    call->body = body;
}

bool lie_not_done(struct call *call, const struct lie *lie)
{
    (void)lie;
    call_success(call);
    return true;
}

bool lie_done_twice(struct call *call, const struct lie *lie)
{
    (void)lie;
    if (!call->session) return false;
    call->route->handle(call);
    if (call->status != 200) return true;
    buf_reset(&call->body);
    call->route->handle(call);
    return true;
}

void lie_done_but(struct call *call, const struct lie *lie)
{
    if (call->status == 200) call_error(call, lie->number, lie->value);
}

/* The session goes to a sibling of what it was asked for. */
bool lie_select_other(struct call *call, const struct lie *lie)
{
    (void)lie;
    struct session *session = call->session;
    if (!session) return false;
    call->route->handle(call);
    enum kind kind = session->place == IN_ROOT ? KIND_COUNT : (enum kind)(session->place - 1);
    if (call->status != 200 || kind == KIND_COUNT || kind == KIND_DIRECTORY) return true;
    const struct world *w = call->sim->world;
    struct index_list list = world_children(w, kind, session->at[kind - 1]);
    for (size_t i = 0; i < list.count; i++) {
        if (list.items[i] != session->at[kind]) continue;
        session_enter(session, kind, list.items[(i + 1) % list.count]);
        break;
    }
    free(list.items);
    return true;
}
