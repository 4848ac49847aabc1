/* See redis_cases.h. */
#include "tests/support/redis_cases.h"

#include <ctype.h>

#include "conf/clock.h"
#include "conf/embedded.h"
#include "conf/text/buf.h"
#include "tests/support/answers/likeness.h"

enum { WORDS_MAX = 400, NAMES_MAX = 60, AWAITED_MS = 30000 };

struct name {
    char name[32], *text, sha[41];
};
static struct rig *rig;
static redisContext *ear;
static bool (*extra)(const char *line, struct buf *answer);
static struct name names[NAMES_MAX];
static int name_count;
static int64_t began_us;
static int wrong; /* answers that are others than they should be */

/* ---- what a line says ---- */
static const struct name *name_at(const char *text, size_t *len)
{
    const struct name *found = NULL;
    for (int i = 0; i < name_count; i++) {
        size_t n = strlen(names[i].name);
        if (strncmp(text, names[i].name, n) == 0 && (!found || n > *len)) {
            found = &names[i];
            *len = n;
        }
    }
    return found;
}

static void forget_names(void)
{
    while (name_count > 0) free(names[--name_count].text);
}

/* $NAME, $sha:NAME, $s-7 and $ms+7, at a dollar. Returns what is behind it. */
static const char *put_name(const char *p, struct buf *out)
{
    char *end;
    size_t len = 0;
    const struct name *found;
    bool is_sha = strncmp(p, "$sha:", 5) == 0;
    if ((found = name_at(p + (is_sha ? 5 : 1), &len))) {
        buf_str(out, is_sha ? found->sha : found->text);
        return p + (is_sha ? 5 : 1) + len;
    }
    bool is_ms = strncmp(p, "$ms", 3) == 0;
    if (!is_ms && strncmp(p, "$s", 2) != 0) fail_msg("no such name: %s", p);
    p += is_ms ? 3 : 2;
    int64_t more = 0;
    if (*p == '+' || *p == '-') {
        more = strtoll(p, &end, 10);
        p = end;
    }
    buf_int(out, began_us / (is_ms ? 1000 : 1000000) + more);
    return p;
}

static const char *put_escaped(const char *p, struct buf *out)
{
    static const char letters[] = "ntr", meant[] = "\n\t\r";
    if (*p == 'x') {
        char hex[3] = {p[1], p[2], '\0'};
        buf_char(out, (char)strtol(hex, NULL, 16));
        return p + 3;
    }
    const char *known = strchr(letters, *p);
    buf_char(out, known ? meant[known - letters] : *p);
    return p + 1;
}

/* The next word of a line, in `out`; NULL when there is none. Returns what is behind it. */
static const char *next_word(const char *p, struct buf *out)
{
    p += strspn(p, " ");
    if (!*p) return NULL;
    bool is_quoted = *p == '"';
    for (p += is_quoted; *p && *p != (is_quoted ? '"' : ' ');) {
        if (*p == '$')
            p = put_name(p, out);
        else if (*p == '\\' && is_quoted)
            p = put_escaped(p + 1, out);
        else
            buf_char(out, *p++);
    }
    return p + (is_quoted && *p == '"');
}

struct words {
    const char *at[WORDS_MAX];
    size_t len[WORDS_MAX];
    int count;
};

static void words_add(struct words *w, const char *bytes, size_t len)
{
    assert_true(w->count < WORDS_MAX);
    char *copy = malloc(len + 1);
    assert_non_null(copy);
    if (len) memcpy(copy, bytes, len);
    copy[len] = '\0';
    w->at[w->count] = copy;
    w->len[w->count++] = len;
}

static void words_of(const char *p, struct words *w)
{
    struct buf word = {0};
    while ((p = next_word(p, &word))) {
        words_add(w, word.data, word.len);
        buf_reset(&word);
    }
    buf_free(&word);
}

static void words_free(struct words *w)
{
    for (int i = 0; i < w->count; i++) free((char *)(uintptr_t)w->at[i]);
    w->count = 0;
}

/* script NAME key ... | word ... becomes EVAL text n key ... word ... */
static void words_of_script(const char *line, struct words *w)
{
    struct words said = {0};
    char path[64], count[16];
    int bar = 2;
    words_of(line, &said);
    while (bar < said.count && strcmp(said.at[bar], "|") != 0) bar++;
    snprintf(path, sizeof path, "%s.lua", said.at[1]);
    snprintf(count, sizeof count, "%d", bar - 2);
    const struct embedded *script = embedded_find(embedded_lua, path);
    if (!script) fail_msg("no script is named %s", path);
    words_add(w, "EVAL", 4);
    words_add(w, (const char *)script->data, script->len);
    words_add(w, count, strlen(count));
    for (int i = 2; i < said.count; i++)
        if (i != bar) words_add(w, said.at[i], said.len[i]);
    words_free(&said);
}

/* ---- what Redis answers ---- */
static void put_text(struct buf *out, const char *text, size_t len)
{
    bool is_bare = len > 0;
    for (size_t i = 0; i < len; i++) is_bare = is_bare && isgraph((unsigned char)text[i]) && !strchr("\"[],<", text[i]);
    if (is_bare) {
        buf_add(out, text, len);
        return;
    }
    buf_char(out, '"');
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n')
            buf_str(out, "\\n");
        else if ((unsigned char)text[i] < 32)
            buf_printf(out, "\\x%02x", (unsigned char)text[i]);
        else
            buf_char(out, text[i]);
    }
    buf_char(out, '"');
}

static void put_answer(struct buf *out, const redisReply *r)
{
    switch (r->type) {
    case REDIS_REPLY_INTEGER: buf_int(out, r->integer); break;
    case REDIS_REPLY_NIL: buf_str(out, "nil"); break;
    case REDIS_REPLY_ERROR: buf_printf(out, "!%s", r->str); break;
    case REDIS_REPLY_ARRAY:
        buf_char(out, '[');
        for (size_t i = 0; i < r->elements; i++) {
            if (i) buf_str(out, ", ");
            put_answer(out, r->element[i]);
        }
        buf_char(out, ']');
        break;
    default: put_text(out, r->str, r->len);
    }
}

/* Everything that was published before now, by a last message that tells where it ends. */
static void put_heard(struct buf *out)
{
    bool is_first = true;
    freeReplyObject(redisCommand(rig->redis, "PUBLISH that-is-all x"));
    buf_char(out, '[');
    for (;;) {
        redisReply *r = NULL;
        assert_int_equal(redisGetReply(ear, (void **)&r), REDIS_OK);
        bool is_last = r->elements == 4 && strcmp(r->element[2]->str, "that-is-all") == 0;
        for (size_t i = 2; !is_last && i < r->elements; i++, is_first = false) {
            if (!is_first) buf_str(out, ", ");
            put_answer(out, r->element[i]);
        }
        freeReplyObject(r);
        if (is_last) break;
    }
    buf_char(out, ']');
}

/* ---- a file of cases ---- */
struct place {
    const char *file;
    char title[200];
    int line;
    struct buf answer;
    bool is_new;         /* the answer has not been compared yet */
    const char *awaited; /* the command that is repeated until it answers so */
    int cases;
};

static void begin_case(struct place *at, const char *title)
{
    struct buf silence = {0};
    snprintf(at->title, sizeof at->title, "%s", title);
    if (extra) return;
    static const char *const blank[] = {"CONFIG SET maxmemory 0", "ACL SETUSER default on nopass ~* &* +@all",
                                        "FLUSHALL"};
    for (int i = 0; i < 3; i++) freeReplyObject(redisCommand(rig->redis, blank[i]));
    put_heard(&silence);
    buf_free(&silence);
    began_us = wall_us();
}

static void let(const char *line)
{
    struct buf text = {0};
    assert_true(name_count < NAMES_MAX);
    struct name *n = &names[name_count];
    size_t len = strcspn(line, " ");
    snprintf(n->name, sizeof n->name, "%.*s", (int)len, line);
    for (const char *p = line + len + 1; *p;) {
        if (*p == '$')
            p = put_name(p, &text);
        else
            buf_char(&text, *p++);
    }
    redisReply *r = redisCommand(rig->redis, "EVAL %s 0 %b", "return redis.sha1hex(ARGV[1])", text.data, text.len);
    snprintf(n->sha, sizeof n->sha, "%s", r->str);
    freeReplyObject(r);
    n->text = buf_steal(&text);
    name_count++;
}

static void not_so(struct place *at, const char *wanted)
{
    fprintf(stderr, "%s:%d, %s: %s instead of %s\n", at->file, at->line, at->title, at->answer.data, wanted);
    wrong++;
}

static void command(struct place *at, const char *line)
{
    struct words w = {0};
    if (at->is_new && at->answer.data[0] == '!') not_so(at, "no error");
    buf_reset(&at->answer);
    at->is_new = true;
    if (strcmp(line, "heard") == 0) {
        put_heard(&at->answer);
        return;
    }
    if (extra && extra(line, &at->answer)) return;
    if (strncmp(line, "script ", 7) == 0)
        words_of_script(line, &w);
    else
        words_of(line, &w);
    redisReply *r = redisCommandArgv(rig->redis, w.count, w.at, w.len);
    assert_non_null(r);
    put_answer(&at->answer, r);
    freeReplyObject(r);
    words_free(&w);
}

static void compare(struct place *at, const char *wanted)
{
    struct buf text = {0};
    for (const char *p = wanted; *p;) {
        p += !extra && p[0] == '\\' && p[1] == '"';
        if (*p == '$')
            p = put_name(p, &text);
        else
            buf_char(&text, *p++);
    }
    int64_t end = support_patience(AWAITED_MS);
    while (!likeness_holds(text.data, at->answer.data, began_us)) {
        if (!at->awaited || support_late(end)) {
            not_so(at, text.data);
            break;
        }
        support_pause();
        at->is_new = false;
        command(at, at->awaited);
    }
    at->is_new = false;
    at->awaited = NULL;
    buf_free(&text);
}

/* One line of a file. */
static void take_line(struct place *at, const char *line)
{
    bool is_case = strncmp(line, "== ", 3) == 0;
    if (is_case && at->is_new && at->answer.data[0] == '!') not_so(at, "no error");
    if (is_case) {
        at->is_new = false;
        begin_case(at, line + 3);
        at->cases++;
    } else if (strncmp(line, "let ", 4) == 0)
        let(line + 4);
    else if (*line == '>')
        compare(at, line + 1 + (line[1] == ' '));
    else if (strncmp(line, "await ", 6) == 0) {
        at->awaited = line + 6;
        command(at, at->awaited);
    } else
        command(at, line);
}

void redis_cases_run(struct redis_cases *c, const char *path)
{
    char *text = support_read_file(path), *rest = text, *line;
    struct place at = {.file = path};
    rig = c->rig;
    ear = c->ear;
    extra = c->extra;
    wrong = 0;
    began_us = wall_us();
    while ((line = strsep(&rest, "\n"))) {
        at.line++;
        line += strspn(line, " ");
        if (*line && *line != '#') take_line(&at, line);
    }
    if (at.is_new && at.answer.data[0] == '!') not_so(&at, "no error");
    forget_names();
    buf_free(&at.answer);
    free(text);
    if (at.cases == 0) fail_msg("%s has no case", path);
    if (wrong > 0) fail_msg("%d answers are others", wrong);
}
