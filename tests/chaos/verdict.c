/* What the verdict says while faults strike: a fault that must show is waited for until it does; another process
 * writes down all along which problems there are, and in the end the alarms are compared with that. */
#include "tests/chaos/chaos.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/clock.h"

#define SHOWN_MS  40000 /* on a quiet machine at most ten seconds */
#define LASTED_MS 45000 /* what was there for so long has been told, though web was replaced meanwhile */
#define GAP_MS    3000  /* between two looks at it: it was there in between */

/* NULL: nobody answers. */
static cJSON *verdict(int port)
{
    char url[100];
    static const char *const headers[] = {"Authorization: Bearer " CHAOS_TOKEN, NULL};
    snprintf(url, sizeof url, "http://127.0.0.1:%d/api/v1/verdict", port);
    struct http_reply reply = http_request("GET", url, headers, NULL);
    cJSON *out = reply.status == 200 ? cJSON_Parse(reply.body) : NULL;
    http_reply_free(&reply);
    return out;
}

static const char *text(const cJSON *object, const char *name)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return value ? value : "";
}

static bool has(const cJSON *verdict, const char *words)
{
    const cJSON *p;
    cJSON_ArrayForEach(p, cJSON_GetObjectItemCaseSensitive(verdict, "problems"))
        if (strstr(text(p, "cause"), words)) return true;
    return false;
}

void chaos_must_show(struct chaos *c, const char *words)
{
    chaos_must_show_while(c, words, 0);
}

void chaos_must_show_while(struct chaos *c, const char *words, int pid)
{
    char state[20] = "not answered";
    int64_t begun_ms = mono_ms(), deadline = support_patience(SHOWN_MS);
    for (bool is_shown = false; !is_shown;) {
        cJSON *v = verdict(c->sys.port);
        if (v) snprintf(state, sizeof state, "%s", text(v, "state"));
        is_shown = has(v, words);
        cJSON_Delete(v);
        if (!is_shown && pid && kill(pid, 0) != 0) return;
        if (!is_shown && support_late(deadline))
            chaos_fail(c, "the verdict does not tell \"%s\" within %d s; it says: %s", words, SHOWN_MS / 1000, state);
        support_pause();
    }
    int64_t took = mono_ms() - begun_ms;
    chaos_say(c, "the verdict tells \"%s\" after %" PRId64 " ms", words, took);
    c->shown++;
    if (took > c->shown_most_ms) c->shown_most_ms = took;
}

/* ---- written down all along ---- */

/* A line for each look: a list of the time and the problems' keys; of the time alone when nobody answered. */
static void watch(struct chaos *c, FILE *out)
{
    for (;; usleep(250000)) {
        int port = atomic_load(&c->load.shared->port);
        cJSON *v = port ? verdict(port) : NULL, *line = cJSON_CreateArray();
        const cJSON *p;
        cJSON_AddItemToArray(line, cJSON_CreateNumber((double)wall_ms()));
        cJSON_ArrayForEach(p, cJSON_GetObjectItemCaseSensitive(v, "problems"))
            cJSON_AddItemToArray(line, cJSON_CreateString(text(p, "key"))); /* of any characters, line ends too */
        char *written = cJSON_PrintUnformatted(line);
        fprintf(out, "%s\n", written);
        fflush(out);
        free(written);
        cJSON_Delete(line);
        cJSON_Delete(v);
    }
}

void watch_begin(struct chaos *c)
{
    pid_t parent = getpid();
    snprintf(c->watched, sizeof c->watched, "%.250s/watched", support_dir());
    c->watcher = fork();
    if (c->watcher < 0) chaos_fail(c, "no process to watch with");
    if (c->watcher > 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    FILE *out = fopen(c->watched, "we");
    if (getppid() == parent && out) watch(c, out);
    _exit(1);
}

struct span { /* in which a problem was there */
    char *key;
    int64_t first_ms, last_ms;
};
struct spans {
    struct span *of;
    size_t count, room;
};

static void see(struct spans *spans, const char *key, int64_t at_ms)
{
    for (size_t i = 0; i < spans->count; i++) {
        struct span *s = &spans->of[i];
        if (strcmp(s->key, key) != 0 || at_ms - s->last_ms > GAP_MS) continue;
        s->last_ms = at_ms;
        return;
    }
    if (spans->count == spans->room) {
        spans->room = spans->room * 2 + 64;
        spans->of = realloc(spans->of, spans->room * sizeof *spans->of);
        if (!spans->of) abort();
    }
    spans->of[spans->count++] = (struct span){.key = strdup(key), .first_ms = at_ms, .last_ms = at_ms};
}

static void read_watched(struct chaos *c, struct spans *spans)
{
    char *all = support_read_file(c->watched);
    for (char *line = all, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        cJSON *look = cJSON_Parse(line), *time = cJSON_GetArrayItem(look, 0);
        if (!cJSON_IsNumber(time)) chaos_fail(c, "what was watched cannot be read: %s", line);
        for (const cJSON *key = time->next; key; key = key->next)
            see(spans, key->valuestring, (int64_t)time->valuedouble);
        cJSON_Delete(look);
    }
    free(all);
}

/* ---- what the receiver of alarms has ---- */

static int64_t time_of(const cJSON *request)
{
    return (int64_t)(cJSON_GetObjectItemCaseSensitive(request, "t")->valuedouble * 1000);
}

static bool is_taken(const cJSON *request, const char *key)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, "taken")) &&
           strcmp(text(cJSON_GetObjectItemCaseSensitive(request, "body"), "key"), key) == 0;
}

static bool is_end(const cJSON *request)
{
    return strcmp(text(cJSON_GetObjectItemCaseSensitive(request, "body"), "kind"), "over") == 0;
}

/* Told in it or later, or before and not over by then. */
static bool was_told(const cJSON *got, const struct span *s)
{
    bool is_open = false;
    const cJSON *r;
    cJSON_ArrayForEach(r, got) {
        if (!is_taken(r, s->key)) continue;
        if (time_of(r) >= s->first_ms && (is_open || !is_end(r))) return true;
        is_open = !is_end(r);
    }
    return is_open;
}

static cJSON *alarms_got(struct chaos *c)
{
    return receiver_got(&c->receiver, "/moods/alarms");
}

/* Of what lasted the first that nobody was told of; false: there is none. */
static bool find_untold(const cJSON *got, const struct spans *spans, struct span *out)
{
    for (size_t i = 0; i < spans->count; i++) {
        *out = spans->of[i];
        if (out->last_ms - out->first_ms >= LASTED_MS && !was_told(got, out)) return true;
    }
    return false;
}

/* Of the timeline, of a wall time. */
static double since_start(struct chaos *c, int64_t wall)
{
    return (double)(mono_ms() - c->start_ms - (wall_ms() - wall)) / 1000;
}

/* What came of one problem, taken or not, with its times. */
static void list_tellings(struct chaos *c, const cJSON *got, const char *key, char *out, size_t size)
{
    size_t n = 0;
    const cJSON *r;
    cJSON_ArrayForEach(r, got) {
        const cJSON *body = cJSON_GetObjectItemCaseSensitive(r, "body");
        if (n + 80 > size || strcmp(text(body, "key"), key) != 0) continue;
        n += (size_t)snprintf(out + n, size - n, " \"%.10s\" at %.1f s%s,", text(body, "kind"),
                              since_start(c, time_of(r)), is_taken(r, key) ? "" : " (not taken)");
    }
    snprintf(out + n, size - n, "%s)", n ? " no more" : " nothing");
}

static struct spans spans;

static bool is_all_told(struct chaos *c)
{
    struct span untold;
    cJSON *got = alarms_got(c);
    bool is_so = !find_untold(got, &spans, &untold);
    if (!is_so) {
        int n = snprintf(c->lacks, sizeof c->lacks, "(%.300s, there from %.1f s to %.1f s; of it came", untold.key,
                         since_start(c, untold.first_ms), since_start(c, untold.last_ms));
        list_tellings(c, got, untold.key, c->lacks + n, sizeof c->lacks - (size_t)n);
    }
    cJSON_Delete(got);
    for (int i = 0; i < 20 && !is_so; i++) support_pause();
    return is_so;
}

/* Does the product know that its end is still to be told? */
static bool is_kept(struct chaos *c, const char *key)
{
    char sql[900];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM (SELECT key FROM alert_states UNION ALL SELECT key FROM alert_outbox) k"
             " WHERE key = $chaos$%.700s$chaos$",
             key);
    return pg_int(&c->sys.pg, sql) > 0;
}

/* Told, and neither over nor there any more. In a short run what the product knows of counts as there: the end of what
 * a dead process had told takes its successor two minutes. */
static bool find_open(struct chaos *c, const cJSON *got, char *out, size_t size)
{
    cJSON *v = verdict(c->sys.port);
    bool is_found = !v;
    snprintf(out, size, "nobody answers");
    for (const cJSON *r = v ? got->child : NULL; r && !is_found; r = r->next) {
        const char *key = text(cJSON_GetObjectItemCaseSensitive(r, "body"), "key");
        const cJSON *last = NULL, *p, *other;
        bool is_there = false;
        cJSON_ArrayForEach(other, got)
            if (is_taken(other, key)) last = other;
        if (!last || is_end(last)) continue;
        cJSON_ArrayForEach(p, cJSON_GetObjectItemCaseSensitive(v, "problems"))
            is_there = is_there || strcmp(text(p, "key"), key) == 0;
        if (is_there || (!c->is_long && is_kept(c, key))) continue;
        snprintf(out, size, "%s", key);
        is_found = true;
    }
    cJSON_Delete(v);
    return is_found;
}

static bool is_none_open(struct chaos *c)
{
    cJSON *got = alarms_got(c);
    bool is_so = !find_open(c, got, c->lacks, sizeof c->lacks);
    cJSON_Delete(got);
    for (int i = 0; i < 50 && !is_so; i++) support_pause();
    return is_so;
}

/* The same once more without an end in between: by a process that was killed when the receiver had just taken it, by
 * each while PostgreSQL was away, and to a receiver that forgot. */
static int count_doubles(const cJSON *got, int *told, int *ended)
{
    int doubles = 0;
    const cJSON *r, *before;
    cJSON_ArrayForEach(r, got) {
        const char *key = text(cJSON_GetObjectItemCaseSensitive(r, "body"), "key");
        const cJSON *last = NULL;
        if (!is_taken(r, key)) continue;
        for (before = got->child; before != r; before = before->next)
            if (is_taken(before, key)) last = before;
        doubles += last ? is_end(last) == is_end(r) : is_end(r);
        *told += !is_end(r);
        *ended += is_end(r);
    }
    return doubles;
}

static void kill_watcher(struct chaos *c)
{
    kill(c->watcher, SIGKILL);
    waitpid(c->watcher, NULL, 0);
}

void check_alarms(struct chaos *c)
{
    int told = 0, ended = 0, lasting = 0;
    kill_watcher(c);
    read_watched(c, &spans);
    for (size_t i = 0; i < spans.count; i++) lasting += spans.of[i].last_ms - spans.of[i].first_ms >= LASTED_MS;
    chaos_wait(c, "each problem that lasted to have been told", is_all_told);
    chaos_wait(c, "alarms to be over that have no problem", is_none_open);
    cJSON *got = alarms_got(c);
    int doubles = count_doubles(got, &told, &ended);
    printf("alarms: %d told, %d over, %d of them twice; %d problems lasted %d s; %d faults shown within %.1f s\n", told,
           ended, doubles, lasting, LASTED_MS / 1000, c->shown, (double)c->shown_most_ms / 1000);
    if (doubles > c->faults) chaos_fail(c, "%d alarms were told twice", doubles);
    if (c->is_long && lasting == 0) chaos_fail(c, "no problem lasted %d s", LASTED_MS / 1000);
    if (c->shown == 0) chaos_fail(c, "no fault had to show");
    cJSON_Delete(got);
}
