/* Why: chains from facts, by a table: what is told, and in which state. Rows give all that is known. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/why/explain.h"
#include "services/why/link.h"
#include "services/why/print.h"
#include "tests/support/answers/differs.h"
#include "tests/support/answers/shown.h"
#include "tests/support/test.h"

#define NOW "'now_ms':1780000000000"
#define UP  "'database':{'is_used':true,'is_up':true},'redis':{'is_used':true,'is_up':true}"
#define SETTINGS                                                                                                       \
    "'settings':{'BACKGROUND_SYNC_ENABLED':{'value':'true','where':'set in the environment'},"                         \
    "'SYNC_INTERVAL_SECONDS':{'value':'300','where':'the default','number':300},"                                      \
    "'WORKER_LEASE_SECONDS':{'value':'15','where':'the default','number':15},"                                         \
    "'WATCHDOG_SECONDS':{'value':'15','where':'the default','number':15},"                                             \
    "'RESULT_EXPIRES':{'value':'3600','where':'the default','number':3600}}"
#define WORKER "'workers':[{'id':'w','node':'celery@box','pid':7,'active':0,'concurrency':2,'last_seen_ms':900}]"
#define QUEUES                                                                                                         \
    "'stats':{'queues':[{'name':'sync','depth':0,'oldest_ms':-1},{'name':'scheduler','depth':0,'oldest_ms':-1}]}"
#define BEAT  "'marks':{'leader':'beat@box 3','runs':{'smart-sync-scheduler':1779999900000}}"
#define BASE  NOW "," UP "," SETTINGS
#define PLANT BASE "," WORKER "," QUEUES "," BEAT
#define TYPE(m)                                                                                                        \
    "'plant':{'types':[{'t':0" m ",'type':'project','name':'Projects','is_on':true,'is_known':true,'interval_min':60," \
    "'stale_min':120,'priority':1,'since_sync_s':60,'since_attempt_s':60,'retry_in_s':-1,'depends_on':''"              \
    "}],'runs':[],'leases':[],'holds':[]}"
#define CHILD(m)                                                                                                       \
    "'supervisor':{'written_ms':1779999999000,'children':[{'name':'worker.0','role':'worker','pid':7," m "}]}"
#define TASK(m) "'task':{" m "}"

static const struct {
    const char *facts, *kind, *key, *state, *words[4];
} cases[] = {
    /* types */
    {PLANT "," TYPE(""), "type", "project", "fine", {"Projects are fresh: synced 60 s ago", "interval of 60 min"}},
    {PLANT "," TYPE(",'is_on':false"), "type", "project", "stuck", {"is switched off", "project/toggle"}},
    {PLANT "," TYPE(",'since_sync_s':-1,'since_attempt_s':-1"),
     "type",
     "project",
     "waits",
     {"never synced yet", "within 5 min (SYNC_INTERVAL_SECONDS=300, the default)"}},
    {PLANT "," TYPE(",'since_sync_s':8000"),
     "type",
     "project",
     "waits",
     {"are stale: 2 h old, and 2 h is", "its interval has passed"}},
    {PLANT "," TYPE(",'future_s':7200"), "type", "project", "stuck", {"2 h in the future", "NTP"}},
    {PLANT "," TYPE(",'is_known':false"), "type", "project", "stuck", {"Nothing in this program syncs"}},
    {PLANT "," TYPE(",'depends_on':'project'"), "type", "project", "stuck", {"makes a cycle"}},
    {PLANT "," TYPE(",'finished':'failed','error':'Logikal refuses the login (401)','retry_count':1,'retry_in_s':60,"
                    "'max_retries':3,'retry_delay_min':5,'next_retry_at':'2026-05-28T20:30:00Z'"),
     "type",
     "project",
     "stuck",
     {"refuses the login", "It is tried again, 1 of 3", "2026-05-28 20:30:00", "logikald check"}},
    {PLANT "," TYPE(",'finished':'failed','error':'Logikal answered 500','has_failed':true"),
     "type",
     "project",
     "waits",
     {"retries are used up", "Look at Logikal's server"}},
    {PLANT "," TYPE(",'finished':'partial','error':'a file: PARTS_MAX_BYTES'"),
     "type",
     "project",
     "waits",
     {"was not complete", "Allow more, and reload: PARTS_MAX_BYTES"}},
    {PLANT "," TYPE(",'finished':'failed'"), "type", "project", "waits", {"no reason was given"}},
    {PLANT "," TYPE(""), "type", "phase", "stuck", {"Sync intervals has no row for it"}},
    {BASE ",'plant':null", "type", "project", "unknown", {"is not known"}},
    {NOW "," SETTINGS ",'database':{'is_used':true,'is_up':false,'why':'connection refused'}",
     "type",
     "project",
     "stuck",
     {"PostgreSQL is not reachable: connection refused"}},
    {NOW "," SETTINGS ",'database':{'is_used':false}", "type", "project", "stuck", {"PostgreSQL is not configured"}},
    /* the schedule */
    {BASE "," WORKER "," QUEUES ",'marks':{'runs':{}}," TYPE(""),
     "type",
     "project",
     "stuck",
     {"No beat leads the schedule"}},
    {BASE "," WORKER "," QUEUES ",'marks':{'leader':'b','runs':{'smart-sync-scheduler':1779990000000}}," TYPE(""),
     "type",
     "project",
     "stuck",
     {"The beat that leads has sent no tick for long", "since 2026-05-28 17:40:00", "until the cause is mended"}},
    {BASE
     "," WORKER "," QUEUES
     ",'marks':{'leader':'b','runs':{},'paused':{'smart-sync-scheduler':{'by':'ann'}}}," TYPE(",'since_sync_s':8000"),
     "type",
     "project",
     "stuck",
     {"was paused by ann", "It is due (its interval has passed), and synced with the first tick when the cause"}},
    {NOW "," UP ",'settings':{'BACKGROUND_SYNC_ENABLED':{'value':'false','where':'the default'}}," TYPE(""),
     "type",
     "project",
     "stuck",
     {"BACKGROUND_SYNC_ENABLED=false, the default"}},
    {NOW "," SETTINGS ",'database':{'is_up':true},'redis':{'is_used':true,'is_up':false,'why':'refused'}," TYPE(""),
     "type",
     "project",
     "stuck",
     {"Redis is not reachable: refused"}},
    {BASE "," WORKER "," BEAT ",'stats':{'queues':[{'name':'sync'}]}," TYPE(""),
     "type",
     "project",
     "stuck",
     {"No worker with these settings serves a queue scheduler"}},
    /* queues and workers */
    {PLANT, "queue", "sync", "fine", {"is empty", "What is sent is taken at once: 0 of 2 runners are busy"}},
    {BASE "," QUEUES ",'workers':[{'id':'w','node':'celery@box','active':2,'concurrency':2,'last_seen_ms':900}]",
     "queue",
     "sync",
     "fine",
     {"is empty", "What is sent now waits until one of 2 runners is free"}},
    {BASE "," WORKER ",'stats':{'queues':[{'name':'sync','depth':1,'oldest_ms':90000}]}",
     "queue",
     "sync",
     "waits",
     {"1 task waits in queue sync; the next in line has waited for 90 s", "What waits is taken now"}},
    {BASE "," WORKER ",'stats':{'queues':[{'name':'sync','depth':2,'is_paused':true,'paused_by':''}]}",
     "queue",
     "sync",
     "stuck",
     {"was paused by somebody", "queue resume sync"}},
    {BASE "," QUEUES ",'workers':[]", "queue", "sync", "stuck", {"No worker is there", "Start one"}},
    {BASE "," QUEUES ",'workers':[]," CHILD("'state':'ready','is_ready':true,'watchdog_age_ms':0"),
     "queue",
     "sync",
     "stuck",
     {"has not registered with Redis yet"}},
    {BASE "," QUEUES ",'workers':[]," CHILD("'state':'down','is_held':true,'last_exit_ms':1779999000000"),
     "queue",
     "sync",
     "stuck",
     {"worker.0 was stopped by hand", "since 2026-05-28 20:10:00", "ctl start worker.0"}},
    {BASE "," QUEUES ",'workers':[]," CHILD("'state':'backoff','is_crash_loop':true,'last_exit':'killed by SIGSEGV',"
                                            "'next_start_ms':1780000060000"),
     "queue",
     "sync",
     "stuck",
     {"ends again and again (last exit: killed by SIGSEGV)", "ctl tail worker.0",
      "It is started again, 2026-05-28 20:27:40"}},
    {BASE "," QUEUES ",'workers':[{'node':'celery@box','pid':7,'last_seen_ms':40000}]," CHILD(
         "'state':'ready','is_ready':true,'watchdog_age_ms':100"),
     "queue",
     "sync",
     "waits",
     {"Worker celery@box has not been heard of for 40 s", "another worker when its lease is over"}},
    {BASE "," QUEUES ",'workers':[{'node':'celery@box','pid':7,'last_seen_ms':40000}]," CHILD(
         "'state':'ready','is_ready':true,'watchdog_age_ms':12000"),
     "queue",
     "sync",
     "waits",
     {"worker.0 has not pinged for 13 s", "WATCHDOG_SECONDS=15"}},
    {BASE "," QUEUES "," WORKER "," CHILD("'state':'stopping'"),
     "queue",
     "sync",
     "fine",
     {"is empty"}}, /* another is there */
    /* processes */
    {BASE "," CHILD("'state':'dumping','watchdog_age_ms':0"), "process", "worker.0", "waits", {"worker.0 hung"}},
    {BASE "," CHILD("'state':'waiting'"), "process", "worker", "waits", {"waits for what it depends on"}},
    {BASE "," CHILD("'state':'lingering'"), "process", "worker", "waits", {"something that it started has not"}},
    {BASE "," CHILD("'state':'ready','is_ready':true,'started_ms':1779999000000,'watchdog_age_ms':-1,'restarts':2"),
     "process",
     "worker.0",
     "fine",
     {"worker.0 is ready, up for 17 min, 2 restarts"}},
    {BASE ",'supervisor':{'written_ms':1779999000000,'children':[]}",
     "process",
     "supervisor",
     "stuck",
     {"has not reported since then"}},
    {BASE ",'supervisor':{'written_ms':1779999000000,'unwritable':'full','run_dir':'/r','children':[]}",
     "process",
     "supervisor",
     "stuck",
     {"has not been able to report since then: the run directory /r is full", "nothing has to be restarted"}},
    {BASE ",'supervisor':{'written_ms':1779999999000,'state':'running','reload_error':'a.cfg:3: no','children':[]}",
     "process",
     "supervisor",
     "stuck",
     {"The last reload was refused: a.cfg:3: no"}},
    {BASE ",'supervisor_note':'No supervisor has reported here'",
     "process",
     "supervisor",
     "unknown",
     {"No supervisor"}},
    {BASE "," BEAT, "process", "beat", "unknown", {"A beat leads the schedule: beat@box 3"}},
    {BASE ",'supervisor':{'written_ms':1779999999000,'children':[]}",
     "process",
     "migrate",
     "stuck",
     {"runs no migrate"}},
    {BASE "," CHILD("'state':'done','last_exit':'exit status 0','last_exit_ms':1779999000000"),
     "process",
     "worker.0",
     "fine",
     {"worker.0 is done: it has ended, as it should (exit status 0), since 2026-05-28 20:10:00"}},
    {BASE "," CHILD("'state':'done','last_exit':'exit status 3'"),
     "process",
     "worker.0",
     "stuck",
     {"has ended and is not started again (last exit: exit status 3)"}},
    {PLANT,
     "queue",
     "nobody",
     "stuck",
     {"Queue nobody is none of those that are served here", "serves a queue nobody"}},
    /* tasks */
    {BASE "," WORKER "," TASK("'unacked':[{'id':'t','task':'a.b','worker':'w','running_ms':1000,'deliveries':3}],"
                              "'result':{'status':'STARTED'}"),
     "task",
     "t",
     "waits",
     {"a.b is running, since 2026-05-28 20:26:39", "Worker celery@box holds it", "delivery number 3"}},
    {BASE "," WORKER "," TASK("'unacked':[{'id':'t','task':'a.b','worker':'w','running_ms':null,'deliveries':1}],"
                              "'result':{'status':'STARTED'}") ",'plant':{'runs':[{'task_id':'t','started_at':"
                                                               "'2026-05-28T01:02:03Z'}]}",
     "task",
     "t",
     "waits",
     {"a.b is running, since 2026-05-28 01:02:03"}},
    {BASE "," WORKER "," TASK("'unacked':[{'id':'t','task':'a.b','worker':'gone','running_ms':null}]"),
     "task",
     "t",
     "waits",
     {"a.b is in a worker's hands", "has not been heard of", "WORKER_LEASE_SECONDS=15"}},
    {BASE "," QUEUES "," WORKER "," TASK("'waiting':[{'id':'t','task':'a.b','queue':'sync','retries':0}],'before':4"),
     "task",
     "t",
     "waits",
     {"a.b waits in queue sync", "4 others are before it", "It begins when it is the next in line"}},
    {BASE "," WORKER ",'stats':{'queues':[{'name':'sync','depth':1,'is_paused':true,'paused_by':'ann'}]},"
          "" TASK("'waiting':[{'id':'t','task':'a.b','queue':'sync','retries':0}]"),
     "task",
     "t",
     "stuck",
     {"a.b waits in queue sync", "was paused by ann", "Nothing of that queue begins until it is resumed"}},
    {BASE "," QUEUES "," WORKER
          "," TASK("'scheduled':[{'id':'t','task':'a.b','queue':'sync','retries':2,'due':"
                   "'2026-05-28T21:00:00Z'}],'result':{'status':'RETRY','error':'ValueError: x'}"),
     "task",
     "t",
     "waits",
     {"tried again (try 3): ValueError: x", "Then it goes into queue sync, 2026-05-28 21:00:00"}},
    {BASE "," QUEUES "," WORKER "," TASK("'scheduled':[{'id':'t','queue':'sync','due':'2026-05-28T21:00:00Z'}]"),
     "task",
     "t",
     "waits",
     {"a task that cannot be read waits for its time", "limited in its rate"}},
    {BASE "," TASK("'dead':[{'id':'t','task':'a.b','reason':'delivered 5 times','at':'2026-05-28T01:02:03Z'}]"),
     "task",
     "t",
     "stuck",
     {"was given up", "delivered 5 times", "since 2026-05-28 01:02:03", "queue retry t"}},
    {BASE "," TASK("'result':{'status':'FAILURE','error':'ValueError: x'}"),
     "task",
     "t",
     "stuck",
     {"failed", "ValueError: x"}},
    {BASE "," TASK("'result':{'status':'SUCCESS','says_failed':true,'error':'there is no project x'}"),
     "task",
     "t",
     "stuck",
     {"its result says that it did not succeed", "there is no project x"}},
    {BASE "," TASK("'result':{'status':'SUCCESS'}"), "task", "t", "fine", {"The task is done, with success"}},
    {BASE "," TASK("'result':{'status':'PROGRESS'}"), "task", "t", "stuck", {"says PROGRESS", "it is lost"}},
    {BASE ",'marks':{'revoked_ms':1779999000000}", "task", "t", "fine", {"but that it was revoked", "It was revoked"}},
    {BASE, "task", "t", "unknown", {"Nothing is known of a task t", "RESULT_EXPIRES=3600"}},
    {NOW ",'redis':{'is_used':false}", "task", "t", "stuck", {"Where task t is is not known", "not configured"}},
    {BASE ",'history':{'task':{'id':'t','name':'a.b','state':'failure','worker':'w','tries':3,'run_ms':12,'error':'"
          "ValueError: x',"
          "'ended_at':'2026-05-28T01:02:03Z'}}",
     "task",
     "t",
     "stuck",
     {"a.b ended as failure on worker w, after 3 tries, having run for 12 ms", "ValueError: x",
      "since 2026-05-28 01:02:03", "t/again"}},
    {BASE ",'history':{'task':{'id':'t','name':'a.b','state':'success','worker':'w','tries':1}}",
     "task",
     "t",
     "fine",
     {"a.b ended as success on worker w"}},
    /* objects */
    {PLANT ",'plant':{'types':[],'runs':[{'scope':'tree','task_id':'t-1'}],'leases':[{'name':'project:g','owner':'vm/1 "
           "task t-1',"
           "'left_s':9}]},'object':{'id':3,'name':'X','project_guid':'g'}",
     "project",
     "#3",
     "stuck",
     {"being read right now, by a sync that is running"}},
    {NOW ",'database':{'is_used':true,'is_up':false,'why':'relation x does not exist'}",
     "project",
     "#3",
     "stuck",
     {"not as this version needs it", "logikald migrate"}},
    {PLANT "," TYPE("") ",'object':{'id':3,'name':'X','read_at':'2026-05-28T19:26:40Z','excluded':{'id':2,'name':'D',"
                        "'distance':2},'project_guid':'g'}",
     "project",
     "#3",
     "stuck",
     {"Project X is as it was read 60 min ago", "It lies in directory D", "/directories/2/exclude"}},
    {PLANT "," TYPE("") ",'object':{'id':3,'name':'X','project_guid':'g'}",
     "project",
     "#3",
     "waits",
     {"Project X was never read whole yet", "first tick after that"}},
    {PLANT "," TYPE("") ",'object':{'id':3,'name':'X','missing':{'state':'refused','hold':4}}",
     "directory",
     "#3",
     NULL,
     {"an administrator said to keep it (hold 4)"}},
    {PLANT "," TYPE("") ",'object':{'id':3,'name':'E','has_parts':true,'parse_status':'pending'}",
     "elevation",
     "#3",
     NULL,
     {"has not been read yet (pending)"}},
    {PLANT "," TYPE("") ",'object':{'id':3,'name':'E','parse_status':'partial','parse_error':'no panes'}",
     "elevation",
     "#3",
     NULL,
     {"was read in part: no panes"}},
    {NOW ",'database':{'is_used':true,'is_up':false,'why':'no'}",
     "elevation",
     "#3",
     "stuck",
     {"Nothing is known now of elevation #3"}},
};

static cJSON *facts_of(const char *members, const char *kind, const char *key)
{
    char *text = malloc(strlen(members) + 200);
    sprintf(text, "{%s,'kind':'%s','key':'%s'}", members, kind, key);
    cJSON *facts = differs_parse(text);
    free(text);
    return facts;
}

TEST(test_chain_of_each_situation)
{
    struct buf all = {0}; /* each chain whole: the state of each link, what comes next and what to do */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out = {0};
        cJSON *facts = facts_of(cases[i].facts, cases[i].kind, cases[i].key), *chain = why_explain(facts);
        why_print(&out, chain);
        if (cases[i].state && strcmp(fact_text(chain, "state"), cases[i].state) != 0)
            fail_msg("row %zu is to be %s: %s", i, cases[i].state, out.data);
        for (int k = 0; k < 4 && cases[i].words[k]; k++)
            if (!strstr(out.data, cases[i].words[k]))
                fail_msg("row %zu does not tell \"%s\": %s", i, cases[i].words[k], out.data);
        char *lines = shown_json(chain);
        buf_printf(&all, "=== %s %s, %zu\n%s%s", cases[i].kind, cases[i].key, i, out.data, lines);
        free(lines);
        buf_free(&out);
        cJSON_Delete(chain);
        cJSON_Delete(facts);
    }
    shown_compare("chains.txt", all.data);
    buf_free(&all);
}

/* "KIND KEY FACTS": the facts differ from those in which all is well. */
static char *chain_of(const char *request)
{
    char kind[20], key[80];
    int at = 0;
    if (sscanf(request, "%19s %79s %n", kind, key, &at) != 2) fail_msg("no request: %s", request);
    cJSON *facts = differs_from("{" PLANT "," TYPE("") "," CHILD("'state':'ready','is_ready':true") "}", request + at);
    cJSON_AddStringToObject(facts, "kind", kind);
    cJSON_AddStringToObject(facts, "key", key);
    cJSON *chain = why_explain(facts);
    char *lines = shown_json(chain);
    cJSON_Delete(chain);
    cJSON_Delete(facts);
    return lines;
}

/* Either side of each bound, and each branch. */
TEST(test_chains_at_their_bounds)
{
    shown_check("chains_at_bounds.txt", 0, chain_of);
}

TEST(test_whatever_stands_in_the_facts_there_is_a_chain)
{
    static const char *const garbage[] = {"'x':1", "'plant':7,'stats':'x','workers':{},'supervisor':[]",
                                          "'plant':{'types':[1,null,{}],'runs':'x'}",
                                          "'settings':null,'task':[],'object':7,'marks':'x'",
                                          "'supervisor':{'children':[1,'x',null,{}]},'workers':[null,7]"};
    static const char *const kinds[] = {"type", "queue", "process", "task", "directory", "project", "elevation", "x"};
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++)
        for (size_t k = 0; k < 8; k++) {
            cJSON *facts = facts_of(garbage[i], kinds[k], "supervisor"), *chain = why_explain(facts);
            assert_non_null(fact(chain, "chain"));
            cJSON_Delete(chain);
            cJSON_Delete(facts);
        }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_chain_of_each_situation),
    cmocka_unit_test(test_chains_at_their_bounds),
    cmocka_unit_test(test_whatever_stands_in_the_facts_there_is_a_chain),
};
TEST_MAIN(tests, NULL, NULL)
