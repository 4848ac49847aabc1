/* The verdict, by a table of facts: its state, its first cause and what that hits. Rows give what differs from a world
 * in which all is well. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "conf/text/utf8.h"
#include "services/alert/mail.h"
#include "services/web/watch/problems/problem.h"
#include "services/web/watch/problems/problems.h"
#include "tests/support/answers/differs.h"
#include "tests/support/answers/shown.h"
#include "tests/support/test.h"

static const char well[] =
    "{'stores':[{'name':'PostgreSQL','tone':'ok','text':'answers'},{'name':'Redis','tone':'ok','text':'answers'},"
    "{'name':'Logikal','tone':'off','text':'http://l'}],'switch':{'is_on':true},"
    "'supervisor':{'is_known':true,'children':[{'name':'web.0','role':'web','state':'ready','tone':'ok'},"
    "{'name':'worker.0','role':'worker','state':'ready','tone':'ok'}]},"
    "'queues':{'queues':[{'name':'sync','depth':0,'oldest_ms':-1}],'dead':0,'workers':1},"
    "'backlog':{'is_stuck':false},'sync_age_ms':900,'redis':{'policy':'noeviction','limit_bytes':0},"
    "'sync':{'elevations':300,'unparsed':0,'failing':0,'skew_s':0.2,'holds':[],'runs':[],'intervals':["
    "{'type':'project','name':'Projects','is_on':true,'is_known':true,'age_s':60,'stale_s':1800,'finished':'success'},"
    "{'type':'phase','name':'Phases','is_on':true,'is_known':true,'age_s':120,'stale_s':1800,'finished':'success'}]}}";

/* Of type 0 (Projects), 1 (Phases) or both. */
#define P0(members)   "{'sync':{'intervals':[{" members "}]}}"
#define BOTH(members) "{'sync':{'intervals':[{" members "},{" members "}]}}"
#define STORE0(tone, text, advice)                                                                                     \
    "{'stores':[{'name':'PostgreSQL','tone':'" tone "','text':'" text "','advice':'" advice "'}]}"
#define STORE1(tone, text) "{'stores':[{},{'name':'Redis','tone':'" tone "','text':'" text "'}]}"
#define WORKER(members)    "{'supervisor':{'children':[{},{" members "}]}}"
#define ENDS(members)      "{'certificates':{'now_s':1000000,'list':[{" members "}]}}"
#define QUEUE(members)     "{'queues':{'queues':[{" members "}]}}"

static const struct {
    const char *differs, *state, *cause, *hits; /* cause, hits: part of the first problem's; "" = none */
    int problems;
} cases[] = {
    {"{}", "fresh", "", "", 0},
    /* stores */
    {STORE0("bad", "connection refused", ""), "wrong", "PostgreSQL: connection refused", "", 1},
    {STORE0("bad", "3 migrations are missing", "Run `logikald migrate`."), "wrong", "3 migrations are missing", "", 1},
    {STORE0("bad", "it only reads", ""), "wrong", "it only reads", "", 1},
    {STORE1("bad", "unreachable"), "wrong", "Redis: unreachable", "", 1},
    {STORE1("off", "not configured"), "fresh", "", "", 0},
    {STORE1("bad", "needs +publish"), "wrong", "Redis: needs +publish", "", 1},
    {"{'stores':[{},{},{'name':'Logikal','tone':'warn','text':'not configured'}]}", "look", "Logikal: not configured",
     "", 1},
    {"{'redis':{'policy':'allkeys-lru','limit_bytes':1000}}", "look", "throws keys away", "", 1},
    {"{'redis':{'policy':'volatile-ttl','limit_bytes':1}}", "look", "volatile-ttl", "", 1},
    {"{'redis':{'policy':'allkeys-lru','limit_bytes':0}}", "fresh", "", "", 0},
    {"{'redis':{'is_forgetful':true}}", "look", "Redis keeps nothing on disk", "0 in the queues", 1},
    {"{'redis':{'is_forgetful':true},'queues':{'unacked':1}}", "look", "what waits in it is lost", "1 in the queues",
     1},
    {"{'redis':{'is_forgetful':true},'queues':{'unacked':2,'queues':[{'depth':5}]}}", "look", "keeps nothing",
     "7 in the queues", 1},
    {"{'redis':{'went_back':'2026-01-01T00:00:00Z'}}", "look", "Redis came back without", "", 1},
    {"{'redis':{'went_back':''},'feed':{'switched':''}}", "fresh", "", "", 0},
    {"{'feed':{'switched':'2026-01-01T00:00:00Z'}}", "look", "PostgreSQL is another one than before",
     "in its last seconds", 1},
    /* processes */
    {"{'supervisor':{'is_stale':true,'note':'it hangs'}}", "wrong", "it hangs", "", 1},
    {"{'supervisor':{'is_stale':true,'is_mute':true,'unwritable':'full','run_dir':'/r','note':'it hangs'}}", "wrong",
     "The run directory /r is full", "", 1},
    {"{'supervisor':{'is_stale':true,'is_mute':true,'unwritable':'read-only','run_dir':'/r','note':'it hangs'}}",
     "wrong", "The run directory /r is read-only", "", 1},
    {"{'supervisor':{'is_stale':true,'unwritable':'read-only','run_dir':'/r','note':'SIGSTOP'}}", "wrong", "SIGSTOP",
     "", 1},
    {"{'supervisor':{'is_known':true,'unwritable':'full','run_dir':'/r'}}", "look", "The run directory /r is full", "",
     1},
    {"{'supervisor':{'is_known':true,'unwritable':'read-only','run_dir':'/r'}}", "fresh", "", "", 0},
    {"{'supervisor':{'note':'LOGIKAL_API_BASE_URL is missing'}}", "look", "LOGIKAL_API_BASE_URL is missing", "", 1},
    {"{'supervisor':{'is_known':false,'note':'without a supervisor'}}", "fresh", "", "", 0},
    {"{'supervisor':{'reload_error':'a.cfg:3: no'}}", "look", "a.cfg:3: no", "", 1},
    {"{'supervisor':{'log_lines_dropped':20}}", "look", "20 log lines", "", 1},
    {"{'supervisor':{'memory_limit_bytes':1000,'memory_used_bytes':990}}", "look", "memory are in use", "", 1},
    {"{'supervisor':{'memory_limit_bytes':1000,'memory_used_bytes':500}}", "fresh", "", "", 0},
    {"{'supervisor':{'memory_limit_bytes':0,'memory_used_bytes':500}}", "fresh", "", "", 0},
    {WORKER("'state':'crash-loop','tone':'bad','last_exit':'killed by SIGKILL'"), "wrong",
     "worker.0 ends again and again (killed by SIGKILL)", "", 1},
    {WORKER("'state':'stopped','tone':'off'"), "look", "worker.0 was stopped by hand", "", 1},
    {WORKER("'state':'frozen','tone':'warn'"), "look", "worker.0 is stopped by a signal (SIGSTOP)", "", 1},
    {"{'supervisor':{'children':[{},{'state':'frozen','tone':'warn'}]},'queues':{'workers':0}}", "look",
     "worker.0 is stopped by a signal", "", 1},
    {WORKER("'state':'dumping','tone':'warn'"), "look", "worker.0 hung", "", 1},
    {WORKER("'state':'starting','tone':'warn'"), "look", "worker.0 is starting", "", 1},
    {WORKER("'state':'stopping','tone':'warn','is_draining':true"), "fresh", "", "", 0},
    {WORKER("'state':'stopping','tone':'warn'"), "look", "worker.0 is stopping", "", 1},
    {"{'supervisor':{'children':[{},{},{'name':'worker.0','state':'starting','tone':'warn'}]}}", "fresh", "", "", 0},
    {"{'supervisor':{'children':[{},{},{'name':'worker.1','state':'starting','tone':'warn'}]}}", "look",
     "worker.1 is starting", "", 1},
    {"{'supervisor':{'children':[{},{},{'name':'worker.0','state':'crash-loop','tone':'bad'}]}}", "wrong",
     "worker.0 ends again and again", "", 1},
    {WORKER("'state':'down','tone':'bad','last_exit':'exit status 1'"), "wrong", "worker.0 is down (exit status 1)", "",
     1},
    {WORKER("'state':'done','tone':'ok'"), "fresh", "", "", 0},
    /* one cause: a worker that is away is not told a second time by its queue */
    {"{'supervisor':{'children':[{},{'state':'crash-loop','tone':'bad'}]},'queues':{'workers':0}}", "wrong",
     "ends again and again", "", 1},
    {"{'supervisor':{'children':[{},{'state':'crash-loop','tone':'bad'}]},'queues':{'workers':0},'backlog':{'is_stuck':"
     "true,'queue':'sync','waiting':7}}",
     "wrong", "ends again and again", "", 1},
    {"{'supervisor':{'children':[{},{'state':'crash-loop','tone':'bad'}]},'backlog':{'is_stuck':true,'queue':'sync',"
     "'waiting':7}}",
     "wrong", "ends again and again", "", 2}, /* another worker is there, and takes nothing */
    /* queues */
    {"{'queues':{'workers':0}}", "wrong", "No worker is there", "", 1},
    {"{'switch':{'is_on':false},'queues':{'workers':0,'queues':[{'depth':3}]}}", "look", "3 tasks wait and no worker",
     "", 2},
    {QUEUE("'depth':5,'oldest_ms':1000000"), "look", "has waited for 17 minutes", "", 1},
    {QUEUE("'depth':1001"), "look", "1001 tasks wait in queue sync", "", 1},
    {QUEUE("'depth':1000"), "fresh", "", "", 0},
    {QUEUE("'is_paused':true,'paused_by':'eve','depth':1"), "look", "paused by eve; 1 task waits", "", 1},
    {"{'backlog':{'is_stuck':true,'queue':'sync','waiting':7}}", "wrong", "7 tasks wait in queue sync, no worker takes",
     "", 1},
    {"{'queues':{'dead':1}}", "look", "1 dead letter", "", 1},
    {"{'queues':{'dead':2}}", "look", "2 dead letters", "", 1},
    {"{'queues':null}", "fresh", "", "", 0}, /* Redis says that by itself */
    /* webhooks */
    {"{'sync':{'hooks':[{'id':'1','name':'ERP','state':'failed','error':'answers 500'}]}}", "wrong",
     "The webhook ERP is paused, it has failed for too long: answers 500", "", 1},
    {"{'sync':{'hooks':[{'id':'1','name':'ERP','state':'gone'}]}}", "look", "The webhook ERP is switched off", "", 1},
    {"{'sync':{'hooks':[{'id':'1','name':'u','state':'active','failures':3,'error':'timed out'}]}}", "look",
     "The webhook u has failed 3 times in a row: timed out", "", 1},
    {"{'sync':{'hooks':[{'id':'1','name':'u','state':'active','failures':2},{'id':'2','state':'paused'}]}}", "fresh",
     "", "", 0},
    /* the switch */
    {"{'switch':{'is_on':false,'text':'Scheduled sync is off: set by ctl'}}", "look", "set by ctl", "", 1},
    {"{'switch':{'is_on':false,'text':'off'},'sync':{'intervals':[{'age_s':9999}]}}", "wrong", "off",
     "older than their threshold: Projects", 1},
    {"{'paused':{'smart-sync-scheduler':{'by':'eve','since_ms':1700000000000}}}", "look",
     "entry smart-sync-scheduler was paused by eve", "", 1},
    {"{'paused':{'smart-sync-scheduler':{'by':'eve'}},'sync':{'intervals':[{'age_s':9999}]}}", "wrong", "paused by eve",
     "older than their threshold: Projects", 1},
    {"{'paused':{'cleanup-old-tasks':{}}}", "look", "entry cleanup-old-tasks was paused by somebody", "", 1},
    {"{'paused':{}}", "fresh", "", "", 0},
    /* failed, not complete */
    {P0("'finished':'failed','error':'503'"), "wrong", "The last sync failed: 503", "1 type: Projects", 1},
    {BOTH("'finished':'failed','error':'refuses the login'"), "wrong", "refuses the login", "2 types: Projects, Phases",
     1},
    {"{'sync':{'intervals':[{'finished':'failed','error':'a'},{'finished':'failed','error':'b'}]}}", "wrong", "a",
     "1 type: Projects", 2},
    {"{'sync':{'intervals':[{'finished':'failed','error':'403'},{'finished':'failed','error':'not synced, because "
     "project "
     "failed'}]}}",
     "wrong", "The last sync failed: 403", "2 types: Projects, Phases", 1},
    {"{'sync':{'intervals':[{'finished':'failed','error':'not synced, because phase "
     "failed'},{'finished':'failed','error':"
     "'500'}]}}",
     "wrong", "The last sync failed: 500", "2 types: Projects, Phases", 1},
    {"{'sync':{'intervals':[{'finished':'failed','error':'not synced, because phase failed'},{'finished':'success'}]}}",
     "wrong", "because phase failed", "1 type: Projects", 1},
    {"{'sync':{'intervals':[{'finished':'failed','error':'not synced, because phase "
     "failed'},{'finished':'failed','error':"
     "'not synced, because project failed'}]}}",
     "wrong", "because p", "Projects", 2},
    {P0("'finished':'failed','error':null"), "wrong", "no reason was given", "Projects", 1},
    {P0("'finished':'failed','error':'x','is_on':false"), "fresh", "", "", 0},
    {P0("'finished':'partial','error':'5 of 5 could not be listed'"), "look", "was not complete: 5 of 5", "Projects",
     1},
    {BOTH("'finished':'partial','error':'403'"), "look", "403", "2 types", 1},
    {"{'sync':{'intervals':[{'finished':'failed','error':'503','age_s':9999},{'age_s':9999}]}}", "wrong", "503",
     "1 type: Projects", 1},
    /* age */
    {P0("'age_s':1801"), "wrong", "Older than their threshold: Projects", "", 1},
    {P0("'age_s':1799"), "fresh", "", "", 0},
    {BOTH("'age_s':1801"), "wrong", "Projects, Phases", "", 1},
    {P0("'age_s':null"), "look", "Never synced yet: Projects", "", 1},
    {BOTH("'age_s':null"), "look", "Never synced yet: Projects, Phases", "", 1},
    {P0("'age_s':-7200"), "wrong", "2 h in the future", "", 1},
    {P0("'age_s':-30"), "fresh", "", "", 0},
    {P0("'is_on':false,'age_s':864000"), "look", "Projects is switched off, and 10 d old", "", 1},
    {P0("'is_on':false,'age_s':600"), "fresh", "", "", 0},
    {P0("'is_known':false,'type':'elevatoin','name':'Elevatoins'"), "look", "Nothing in this program syncs Elevatoins",
     "", 1},
    {"{'sync':{'intervals':[{'age_s':9999}]},'queues':{'workers':0}}", "wrong", "No worker is there",
     "older than their threshold: Projects", 1},
    {"{'sync':{'intervals':[{'age_s':9999}]},'queues':{'queues':[{'is_paused':true,'paused_by':'eve'}]}}", "wrong",
     "paused by eve", "older than their threshold: Projects", 1},
    {"{'sync':{'intervals':[{'age_s':null}]},'queues':{'workers':0}}", "wrong", "No worker", "never synced yet", 1},
    {"{'sync':{'intervals':[]}}", "fresh", "", "", 0}, /* differs in nothing */
    /* Logikal */
    {"{'sync':{'runs':[{'scope':'tree','trouble':'Logikal answered 503','trouble_s':6}]}}", "look",
     "Logikal answered 503; it is being tried again", "tree", 1},
    {"{'sync':{'runs':[{'scope':'tree','trouble':'Logikal answered 503','trouble_s':3}]}}", "fresh", "", "", 0},
    {"{'sync':{'runs':[{'scope':'tree','trouble':'hangs','trouble_s':90}],'intervals':[{'age_s':9999}]}}", "wrong",
     "hangs", "tree", 1},
    {"{'sync':{'runs':[{'scope':'tree','trouble':null}]}}", "fresh", "", "", 0},
    /* holds, projects, parts lists, clocks */
    {"{'sync':{'holds':[{'id':3,'reason':'mass','directories':2,'projects':6,'phases':8,'elevations':300}]}}", "wrong",
     "2 directories, 6 projects, 8 phases and 300 elevations", "", 1},
    {"{'sync':{'failing':1,'failing_names':'Deich 138'}}", "look", "1 project could not", "Deich 138", 1},
    {"{'sync':{'failing':2,'failing_names':'A, B','intervals':[{'finished':'partial','error':'404'}]}}", "look",
     "was not complete: 404", "1 type: Projects; projects (2): A, B", 1},
    {"{'sync':{'failing':2,'intervals':[{'finished':'failed','error':'404'}]}}", "wrong", "The last sync failed: 404",
     "Projects", 2},
    {"{'sync':{'failing':12}}", "look", "12 projects could not", "", 1},
    {"{'sync':{'unparsed':2}}", "look", "2 parts lists could not", "", 1},
    {"{'sync':{'skew_s':45}}", "look", "45 s ahead", "", 1},
    {"{'sync':{'skew_s':-7200}}", "look", "2 h behind", "", 1},
    {"{'sync':{'skew_s':-20}}", "fresh", "", "", 0},
    {"{'alarms':'mail: it answered 550'}", "look", "cannot be told by mail: it answered 550", "", 1},
    {"{'alarms':''}", "fresh", "", "", 0},
    {"{'heartbeat':'it answered 500'}", "look", "HEARTBEAT_URL cannot be called: it answered 500", "", 1},
    {"{'heartbeat':''}", "fresh", "", "", 0},
    /* certificates: 14 days and 3 days */
    {ENDS("'of':'Logikal','ends_s':2209700"), "fresh", "", "", 0},
    {ENDS("'of':'Logikal','ends_s':2209500"), "look", "The certificate of Logikal ends in 14 d", "", 1},
    {ENDS("'of':'Redis','ends_s':1259300"), "look", "The certificate of Redis ends in 3 d, at 1970-01-15", "", 1},
    {ENDS("'of':'Redis','ends_s':1259100"), "wrong", "The certificate of Redis ends in 3 d", "", 1},
    {ENDS("'of':'PostgreSQL','ends_s':1000060"), "wrong", "The certificate of PostgreSQL ends in 60 s", "", 1},
    {ENDS("'of':'the mail server','ends_s':913600"), "wrong", "The certificate of the mail server ended 24 h ago", "",
     1},
    {ENDS("'of':'Redis','ends_s':1000060},{'of':'PostgreSQL','ends_s':1000060"), "wrong", "Redis", "", 2},
    /* one that has ended is the first cause of what fails by it */
    {"{'certificates':{'now_s':1000000,'list':[{'of':'Logikal','ends_s':900000}]},'sync':{'intervals':[{'finished':"
     "'failed','error':'SSL: certificate has expired'}]}}",
     "wrong", "The certificate of Logikal ended", "1 type: Projects", 1},
    {"{'certificates':{'now_s':1000000,'list':[{'of':'Logikal','ends_s':900000}]},'sync':{'intervals':[{'finished':"
     "'failed','error':'Logikal answered 500'}]}}",
     "wrong", "The certificate of Logikal ended", "", 2},
    /* without evidence there is no green */
    {"{'sync':null}", "unknown", "has not been told", "", 1},
    {"{'sync_age_ms':20001}", "unknown", "has not been told", "", 1},
    {"{'sync_age_ms':19999}", "fresh", "", "", 0},
    {"{'sync':null,'stores':[{'tone':'bad','text':'refused'}]}", "wrong", "refused", "", 1},
    /* the worst first */
    {"{'queues':{'dead':2},'sync':{'intervals':[{'finished':'failed','error':'503'}]}}", "wrong", "503", "Projects", 2},
    {"{'queues':{'dead':2},'sync':null}", "unknown", "has not been told", "", 2},
};

TEST(test_verdict_of_each_fault)
{
    struct buf all = {0}; /* each verdict whole: with what is advised, where to look, and what may be pressed */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cJSON *facts = differs_from(well, cases[i].differs);

        cJSON *verdict = problems_judge(facts);

        const cJSON *problems = fact(verdict, "problems"), *first = cJSON_GetArrayItem(problems, 0);
        const char *cause = fact_text(first, "cause"), *hits = fact_text(first, "hits");
        if (strcmp(fact_text(verdict, "state"), cases[i].state) != 0 || !strstr(cause, cases[i].cause) ||
            !strstr(hits, cases[i].hits) || cJSON_GetArraySize(problems) != cases[i].problems)
            fail_msg("%s: %s", cases[i].differs, cJSON_PrintUnformatted(verdict));
        char *lines = shown_json(verdict);
        buf_printf(&all, "=== %s\n%s", cases[i].differs, lines);
        free(lines);
        cJSON_Delete(verdict);
        cJSON_Delete(facts);
    }
    shown_compare("verdicts.txt", all.data);
    buf_free(&all);
}

static char *verdict_of(const char *differs)
{
    cJSON *facts = differs_from(well, differs), *verdict = problems_judge(facts);
    char *lines = shown_json(verdict);
    cJSON_Delete(verdict);
    cJSON_Delete(facts);
    return lines;
}

/* Either side of each bound, each branch, and each word beside the cause. */
TEST(test_verdicts_at_their_bounds)
{
    shown_check("verdicts_at_bounds.txt", 0, verdict_of);
}

/* Nothing known is not well; whatever stands in the facts, there is a verdict. */
TEST(test_garbage_is_never_fresh)
{
    static const char *const garbage[] = {"{}",
                                          "[]",
                                          "null",
                                          "{'sync':7}",
                                          "{'sync':{'intervals':null}}",
                                          ("{'stores':'x','queues':[1,2],'supervisor':null,'sync':{'intervals':{}},"
                                           "'sync_age_ms':'old','switch':1}"),
                                          "{'supervisor':{'children':[1,'x',null,{}]},'sync':[]}"};
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        cJSON *facts = differs_parse(garbage[i]), *verdict = problems_judge(facts);
        if (strcmp(fact_text(verdict, "state"), "fresh") == 0) fail_msg("%s is fresh", garbage[i]);
        cJSON_Delete(verdict);
        cJSON_Delete(facts);
    }
}

TEST(test_keys_are_the_same_next_time_and_differ_by_cause)
{
    static const char two[] = "{'sync':{'intervals':[{'finished':'failed','error':'a'},{'finished':'failed','error':"
                              "'b'}],'holds':[{'id':1},{'id':2}]},'queues':{'dead':1}}";
    cJSON *facts = differs_from(well, two);
    cJSON *one = problems_judge(facts), *other = problems_judge(facts);
    const cJSON *a = fact(one, "problems"), *b = fact(other, "problems");
    assert_int_equal(cJSON_GetArraySize(a), 5);
    for (int i = 0; i < 5; i++) {
        const char *key = fact_text(cJSON_GetArrayItem(a, i), "key");
        assert_string_equal(key, fact_text(cJSON_GetArrayItem(b, i), "key"));
        for (int k = 0; k < i; k++) assert_string_not_equal(key, fact_text(cJSON_GetArrayItem(a, k), "key"));
    }
    cJSON_Delete(one);
    cJSON_Delete(other);
    cJSON_Delete(facts);
}

/* One that lasts stays the same problem for alarms and silences, though each try words it with other measures. */
TEST(test_keys_do_not_move_with_measures)
{
    static const struct {
        const char *one, *next;
        bool is_same;
    } table[] = {
        {"did not answer: Operation timed out after 1500 milliseconds with 0 bytes received",
         "did not answer: Operation timed out after 1502 milliseconds with 17 bytes received", true},
        {"Failed to connect to l port 443 after 3 ms: refused",
         "Failed to connect to l port 443 after 1210 ms: refused", true},
        {"12.5 s late, 10 KiB", "3 s late, 1,024 KiB", true},
        {"tried 3 times", "tried 4 times", true},
        {"Failed to connect to l port 443 after 3 ms", "Failed to connect to l port 80 after 3 ms", false},
        {"answered 401 to POST /auth", "answered 503 to POST /auth", false},
        {"elevation Pos. 004 (bfad1898)", "elevation Pos. 005 (bfad1898)", false},
        {"stopped after 2 minutes, 1 bytes, 99 %", "stopped after 7 minutes, 12 bytes, 3 %", true},
        {"project 2024 Bauhof", "project 2025 Bauhof", false},
        {"project 4711 B\u00fcro", "project 4712 B\u00fcro", false},
        {"project 7 sheds failed", "project 8 sheds failed", false},
        {"12", "13", false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char differs[300], keys[2][300];
        for (int k = 0; k < 2; k++) {
            snprintf(differs, sizeof differs, P0("'finished':'failed','error':'%s'"), k ? table[i].next : table[i].one);
            cJSON *facts = differs_from(well, differs), *verdict = problems_judge(facts);
            snprintf(keys[k], sizeof keys[k], "%s", fact_text(cJSON_GetArrayItem(fact(verdict, "problems"), 0), "key"));
            cJSON_Delete(verdict);
            cJSON_Delete(facts);
        }
        if ((strcmp(keys[0], keys[1]) == 0) != table[i].is_same) fail_msg("%s, and %s", keys[0], keys[1]);
    }
}

/* What a problem says should be asked, where it is a process, a queue or a type. */
TEST(test_problems_name_what_to_ask_why_of)
{
    static const struct {
        const char *differs, *why;
    } rows[] = {{WORKER("'state':'dumping','tone':'warn'"), "process:worker.0"},
                {"{'queues':{'workers':0}}", "process:worker"},
                {QUEUE("'depth':1001"), "queue:sync"},
                {QUEUE("'is_paused':true,'paused_by':'eve'"), "queue:sync"},
                {"{'backlog':{'is_stuck':true,'queue':'other','waiting':7}}", "queue:other"},
                {P0("'finished':'failed','error':'503'"), "type:project"},
                {"{'heartbeat':'it answered 500'}", ""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cJSON *facts = differs_from(well, rows[i].differs);
        cJSON *verdict = problems_judge(facts);
        assert_string_equal(fact_text(cJSON_GetArrayItem(fact(verdict, "problems"), 0), "why"), rows[i].why);
        cJSON_Delete(verdict);
        cJSON_Delete(facts);
    }
}

/* What is too long is cut between characters: a receiver of alarms gets JSON. */
TEST(test_long_texts_are_cut_between_characters)
{
    static const char *const letters[] = {"x", "\u00fc", "\u96c6", "\U0001f600"};
    for (size_t n = 0; n < 4 * 4; n++) {
        struct findings f;
        char name[900] = "yyyy";
        name[n / 4] = 0;
        while (strlen(name) < 800) strcat(name, letters[n % 4]);
        findings_open(&f);
        cJSON *p = problem(&f, SEVERITY_LOOK, "sync", name, "%s", name), *member;
        problem_why(p, "type:", name);
        cJSON_ArrayForEach(member, p)
            if (!utf8_is_valid(member->valuestring, strlen(member->valuestring)))
                fail_msg("%zu: %s: %s", n, member->string, member->valuestring);
        cJSON_Delete(findings_close(&f));
    }
}

TEST(test_mail_ends_whatever_its_subject_is)
{
    char odd[400];
    memset(odd, 0x80, sizeof odd - 1);
    odd[sizeof odd - 1] = 0;
    const char *const subjects[] = {"", "x", odd, "a\r\nBcc: b@example.org", "\xf0\x9f\x8f\xa0 Fenster gro\xc3\x9f"};
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        char *text = mail_text("a@example.org", "b@example.org\r\nBcc: c@example.org", subjects[i], odd);
        assert_non_null(text);
        assert_null(strstr(text, "\r\nBcc:"));
        assert_non_null(strstr(text, "\r\n\r\n"));
        free(text);
    }
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_verdict_of_each_fault),
                                          cmocka_unit_test(test_verdicts_at_their_bounds),
                                          cmocka_unit_test(test_problems_name_what_to_ask_why_of),
                                          cmocka_unit_test(test_garbage_is_never_fresh),
                                          cmocka_unit_test(test_mail_ends_whatever_its_subject_is),
                                          cmocka_unit_test(test_keys_are_the_same_next_time_and_differ_by_cause),
                                          cmocka_unit_test(test_keys_do_not_move_with_measures),
                                          cmocka_unit_test(test_long_texts_are_cut_between_characters)};
TEST_MAIN(tests, NULL, NULL)
