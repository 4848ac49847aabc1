/* Why something is as it is: one chain of causes in plain words, from facts. Pure: the same facts give the same chain,
 * and nothing is asked (gather.h does that).
 *
 * facts (what is missing is not known):
 *   "of" as it was asked, "kind", "key" what it was found to be, "now_ms" unix time
 *   "settings"   {NAME: {"value": as it may be shown, "where"}}
 *   "supervisor" its snapshot as JSON, or "supervisor_note" why there is none
 *   "database", "redis"  {"is_used", "is_up", "why"}
 *   "plant"      {"types","runs","leases","holds"}: see why_read.h
 *   "stats"      {"queues": [{"name","depth","oldest_ms","is_paused","paused_by","paused_ms"}], "unacked","scheduled",
 *                "dead","workers"}; "workers" as queue_list lists them; "marks": see queue_marks
 *   "task"       {"result","waiting","unacked","scheduled","dead","before"}
 *   "history"    {"task"} of PostgreSQL: see history_read.h
 *   "object"     the row of a directory, project or elevation with what keeps it: see why_read.h
 *   "found"      [{"kind","id","name","way","is_gone"}]: what "of" can mean among the objects
 *
 * A chain: {"of", "kind", "name", "state", "chain": link}. A link: {"state": fine | waits | unknown | stuck, "what",
 * "since"?, "because": [link], "next"?, "next_at"?, "do": [text]}. The chain's state is the worst of its links: fine,
 * it waits for what comes by itself, it is not known, or it is stuck until somebody acts. */
#ifndef LOGIKALD_SERVICES_WHY_EXPLAIN_H
#define LOGIKALD_SERVICES_WHY_EXPLAIN_H

#include <cjson/cJSON.h>

cJSON *why_explain(const cJSON *facts); /* the caller's; facts have kind and key */

/* One for each kind of subject; the key is facts' "key". Each returns a link. */
cJSON *why_type(const cJSON *facts, const char *type);
cJSON *why_queue(const cJSON *facts, const char *queue);
cJSON *why_process(const cJSON *facts, const char *name);
cJSON *why_task(const cJSON *facts, const char *id);
cJSON *why_directory(const cJSON *facts, const char *key);
cJSON *why_project(const cJSON *facts, const char *key);
cJSON *why_elevation(const cJSON *facts, const char *key);

#endif
