/* Faults of the copy and of those who are told of its changes. */
#include "tests/faults/rows.h"

/* ---- what is in the database ---- */

static struct fault copy[] = {
    {.what = "a type switched off, and old",
     .stage = SET_TYPE("is_sync_enabled = false, last_sync = now() - interval '10 days'", "elevation_glass"),
     .remove = SET_TYPE("is_sync_enabled = true, last_sync = now()", "elevation_glass"),
     .state = "look",
     .part = "type",
     .says = "is switched off, and 10 d old",
     .within_s = 10,
     .back = "switched on and synced"},
    {.what = "a last sync in the future",
     .stage = SET_TYPE("last_sync = now() + interval '2 hours'", "elevation_glass"),
     .remove = SET_TYPE("last_sync = now()", "elevation_glass"),
     .state = "wrong",
     .part = "type",
     .says = "2 h in the future",
     .within_s = 10,
     .back = "a sync by hand"},
    {.what = "a type that nothing syncs (misspelt)",
     .stage =
         "sql: INSERT INTO object_sync_configs (object_type, display_name, sync_interval_minutes,"
         " staleness_threshold_minutes, priority, is_sync_enabled) VALUES ('elevatoin', 'Elevatoins', 600, 900, 99,"
         " true)",
     .remove = "sql: DELETE FROM object_sync_configs WHERE priority = 99",
     .state = "look",
     .part = "type",
     .says = "Nothing in this program syncs Elevatoins",
     .within_s = 10,
     .back = "the type corrected or deleted"},
    {.what = "a project that cannot be read whole",
     .stage = "sql: INSERT INTO project_cursors (project_id, failures, failed_at, last_error) VALUES (1, 3, now(), 'x')"
              " ON CONFLICT (project_id) DO UPDATE SET failures = 3, failed_at = now()",
     .remove = "sql: UPDATE project_cursors SET failures = 0",
     .state = "look",
     .part = "projects",
     .says = "1 project could not be synced completely",
     .within_s = 10},
    {.what = "an entry of the schedule paused",
     .stage = "redis: hset logikald.beat.paused cleanup-old-tasks '1700000000000 eve'",
     .remove = "redis: del logikald.beat.paused",
     .state = "look",
     .part = "schedule",
     .says = "entry cleanup-old-tasks was paused by eve",
     .within_s = 10,
     .back = "resumed"},
};

#define HOOK(state)                                                                                                    \
    "sql: INSERT INTO webhooks (url, description, epoch, xid, seq, item, state, state_reason, failures, last_error,"   \
    " failing_since, next_try_at) VALUES ('http://127.0.0.1:1/x', 'ERP', 1, '1', 1, 1, '" state                        \
    "', 'it answers 500', 4, 'timed out', now(), now() + interval '1 hour')"

static struct fault feed[] = {
    {.what = "a webhook that fails again and again",
     .stage = HOOK("active"),
     .remove = "sql: DELETE FROM webhooks",
     .state = "look",
     .part = "webhook",
     .says = "The webhook ERP",
     .within_s = 10},
    {.what = "a webhook that was given up",
     .stage = HOOK("failed"),
     .remove = "sql: DELETE FROM webhooks",
     .state = "wrong",
     .part = "webhook",
     .says = "The webhook ERP",
     .within_s = 10,
     .back = "resumed on the Feed page"},
    {.what = "a webhook whose receiver is gone (410)",
     .stage = HOOK("gone"),
     .remove = "sql: DELETE FROM webhooks",
     .state = "look",
     .part = "webhook",
     .says = "The webhook ERP",
     .within_s = 10,
     .back = "deleted or resumed"},
    {.what = "a transaction that holds the feed of changes back",
     .stage = "lock: SELECT pg_current_xact_id()\nsql: UPDATE projects SET name = name || '!' WHERE id = 1",
     .remove = "unlock: ",
     .state = "look",
     .part = "feed",
     .says = "held back",
     .within_s = 15},
};

struct lane lane_copy = {"copy", copy, COUNT(copy), false};
struct lane lane_feed = {"feed", feed, COUNT(feed), false};
