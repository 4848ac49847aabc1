/* The verdict: from what is known of all parts, the problems, each with its first cause, and one word for all of it. A
 * pure function of facts: the same facts give the same verdict, and nothing is asked.
 *
 * facts (any member may be missing; what is missing is no evidence for anything):
 *   "stores"     see state_stores
 *   "switch"     {"is_on","text"}
 *   "redis"      {"policy": of maxmemory, "limit_bytes", "is_forgetful": keeps nothing over a restart,
 *                "went_back": when it lost what it had acknowledged, or ""}
 *   "supervisor" see state_children
 *   "queues"     {"queues":[{"name","depth","oldest_ms","is_paused","paused_by","paused_since"}],"dead","unacked",
 *                "workers"},
 *   "paused"     {entry of the schedule: {"since_ms","by"}}
 *   "backlog"    {"is_stuck","queue","waiting"}
 *   "certificates" {"list":[{"of": whose,"ends_s"}],"now_s"}
 *   "heartbeat"  why HEARTBEAT_URL cannot be called, "" = it can
 *   "bills"      why large bills of materials cannot be kept, "" = they can
 *   "alarms"     why what is wrong cannot be told elsewhere, "" = it can
 *   "sync"       {"intervals":[{"type","name","is_on","is_known","age_s": of last_sync, null = never,"finished": the
 *                last attempt that ended,"error","stale_s","next"}], "runs":[{"scope","trouble","trouble_s","since"}],
 *                "hooks":[{"id","name","state","failures","error","since","next"}] that are not well,
 *                "holds", "failing","failing_since","unparsed","elevations","skew_s": database's clock less ours}
 *   "sizes"      {"database_bytes","bytes_per_day": null = not known,"limit_bytes": 0 = not known,"now_s"}
 *   "sync_age_ms" how old "sync" is
 *   "feed"       {"is_late","seconds","holder","switched"}: see feed_lag.h
 *
 * The answer: {"state","text","problems":[...]}. state: "wrong" (something is), else "unknown" (there is no evidence
 * that nothing is), else "look", else "fresh". A problem: {"key": what it is the same by the next time, "part",
 * "severity": "wrong" | "unknown" | "look", "cause", and where they are known "since", "hits", "next", "advice",
 * "link", "why" (what to ask /api/v1/why of), "queue", "hold", "missing"}. The worst come first. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_PROBLEMS_PROBLEMS_H
#define LOGIKALD_SERVICES_WEB_WATCH_PROBLEMS_PROBLEMS_H

#include <cjson/cJSON.h>

#define FACTS_OLD_MS 20000 /* older ones say nothing of now */

cJSON *problems_judge(const cJSON *facts); /* the caller's to delete */

#endif
