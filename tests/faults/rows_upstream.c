/* Faults of Logikal. */
#include "tests/faults/rows.h"

/* ---- Logikal ---- */

#define RULE(endpoint, members) "sim: faults {\"rules\":[{\"endpoint\":\"" endpoint "\"," members "}]}\ndue:"
#define TRUTH                   "sim: faults/clear {}\ndue:"
#define LIE(name, where)        "sim: lies {\"lies\":[{\"name\":\"" name "\",\"where\":\"" where "\"}]}\ndue:"
#define NO_LIES                 "sim: lies/clear {}\ndue:"
#define CHANGED(type)           "sim: change {\"type\":\"" type "\",\"count\":2}\n"
#define UPSTREAM(named, staged, removed, state_is, words, longer)                                                      \
    {                                                                                                                  \
        .what = (named), .stage = (staged), .remove = (removed), .state = (state_is), .part = "sync", .says = (words), \
        .within_s = 15, .is_long = (longer)                                                                            \
    }

static struct fault upstream[] = {
    {.what = "the schedule of syncs paused, until a type is stale",
     .stage = "redis: hset logikald.beat.paused smart-sync-scheduler '1700000000000 eve'\n" SET_TYPE(
         "last_sync = now() - interval '16 hours'", "phase"),
     .remove = "redis: hdel logikald.beat.paused smart-sync-scheduler",
     .state = "wrong",
     .part = "schedule",
     .says = "entry smart-sync-scheduler was paused by eve",
     .within_s = 10,
     .back = "resumed"},
    {.what = "the queue of the scheduler paused, until a type is stale",
     .stage = "queue: pause scheduler\n" SET_TYPE("last_sync = now() - interval '16 hours'", "phase"),
     .remove = "queue: resume scheduler",
     .state = "wrong",
     .part = "queue",
     .says = "Queue scheduler was paused",
     .within_s = 10,
     .back = "`queue resume`"},
    {.what = "a type never synced",
     .stage = "queue: pause scheduler\n" SET_TYPE("last_sync = NULL", "phase"),
     .remove = "queue: resume scheduler",
     .state = "look",
     .part = "queue",
     .says = "Queue scheduler was paused",
     .within_s = 10,
     .back = "`queue resume`"},
    UPSTREAM("Logikal refuses the login (401)", RULE("auth", "\"kind\":\"status\",\"status\":401"), TRUTH, "wrong",
             "401", false),
    UPSTREAM("Logikal forbids everything (403)", RULE("directories", "\"kind\":\"status\",\"status\":403"), TRUTH,
             "wrong", "403", false),
    UPSTREAM("Logikal forbids the projects (403)", RULE("projects", "\"kind\":\"status\",\"status\":403"), TRUTH,
             "look", "403", false),
    UPSTREAM("Logikal is busy (409)", RULE("*", "\"kind\":\"locked\""), TRUTH, "wrong", "409", false),
    UPSTREAM("Logikal limits the rate (429)", RULE("*", "\"kind\":\"status\",\"status\":429"), TRUTH, "wrong", "429",
             false),
    UPSTREAM("Logikal has an error (500)", RULE("*", "\"kind\":\"status\",\"status\":500"), TRUTH, "wrong", "500",
             false),
    UPSTREAM("Logikal is in maintenance (503)", RULE("*", "\"kind\":\"status\",\"status\":503"), TRUTH, "wrong", "503",
             false),
    UPSTREAM("Logikal cuts the connections", RULE("*", "\"kind\":\"cut\""), TRUTH, "wrong", "The last sync failed",
             false),
    UPSTREAM("Logikal hangs", RULE("*", "\"kind\":\"hang\""), TRUTH, "wrong", "did not answer", false),
    UPSTREAM("Logikal answers with bytes that are no JSON", RULE("directories", "\"kind\":\"garbage\""), TRUTH, "wrong",
             "The last sync failed", false),
    UPSTREAM("Logikal's answers break off", RULE("directories", "\"kind\":\"truncate\""), TRUTH, "wrong",
             "The last sync failed", false),
    UPSTREAM("Logikal answers slowly, beyond LOGIKAL_CALL_TIMEOUT_MS",
             RULE("directories", "\"kind\":\"slow\",\"duration_ms\":8000"), TRUTH, "wrong", "The last sync failed",
             true),
    UPSTREAM("Logikal lists its projects as something that is no list", LIE("object", "project"), NO_LIES, "look",
             "The last sync", false),
    UPSTREAM("Logikal answers errors with status 200", LIE("polite-error", "directory"), NO_LIES, "wrong",
             "The last sync", true),
    UPSTREAM("Logikal leads to a login page (302)", LIE("redirect", "directory"), NO_LIES, "wrong", "The last sync",
             true),
    UPSTREAM("Logikal's login gives no token", LIE("login-tokenless", "login"), NO_LIES, "wrong", "The last sync",
             true),
    UPSTREAM("Logikal cannot select a project that it lists (404)", CHANGED("project") LIE("select-404", "project"),
             NO_LIES, "look", "The last sync was not complete", true),
    UPSTREAM("Logikal has no parts list (500)",
             CHANGED("elevation") RULE("parts", "\"kind\":\"status\",\"status\":500"), TRUTH, "look",
             "The last sync was not complete", true),
    {.what = "Logikal lists no directory any more",
     .stage = LIE("empty", "directory"),
     .remove = NO_LIES,
     .state = "wrong",
     .part = "hold",
     .says = "Not believed to be gone",
     .within_s = 20},
    {.what = "Logikal lists half of its projects",
     .stage = LIE("halved", "project"),
     .remove = NO_LIES,
     .state = "wrong",
     .part = "hold",
     .says = "Not believed to be gone",
     .within_s = 20},
};

/* The address is a setting, with which web and worker are replaced. */
#define ADDRESS(url) "ctl: set LOGIKAL_API_BASE_URL " url "\nctl: restart worker\ndue:"
#define NO_ADDRESS   "ctl: set LOGIKAL_API_BASE_URL\nctl: restart worker\ndue:"

static struct fault address[] = {
    UPSTREAM("Logikal's port refuses connections", ADDRESS("http://127.0.0.1:1/MbioeService.svc/api/v3"), NO_ADDRESS,
             "wrong", "The last sync failed", true),
    UPSTREAM("Logikal's name is not known (DNS)", ADDRESS("http://nowhere.invalid/MbioeService.svc/api/v3"), NO_ADDRESS,
             "wrong", "The last sync failed", true),
    UPSTREAM("Logikal's certificate is for another host", ADDRESS("{elsewhere}"), NO_ADDRESS, "wrong",
             "The last sync failed", true),
    {.what = "Logikal's certificate has ended",
     .stage = ADDRESS("{ended}"),
     .remove = NO_ADDRESS,
     .state = "wrong",
     .part = "certificate",
     .says = "The certificate of Logikal ended",
     .also = "The last sync failed", /* until the certificate has been looked at */
     .within_s = 20,
     .is_long = true},
    {.what = "Logikal's certificate ends in ten days",
     .stage = ADDRESS("{ten-days}"),
     .remove = NO_ADDRESS,
     .state = "look",
     .part = "certificate",
     .says = "The certificate of Logikal ends in 10 d",
     .within_s = 20,
     .is_long = true},
};

struct lane lane_upstream = {"upstream", upstream, COUNT(upstream), false};
struct lane lane_address = {"address", address, COUNT(address), true};
