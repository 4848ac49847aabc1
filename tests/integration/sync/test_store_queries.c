/* The statements that others run over the pool: PostgreSQL can plan each of them, and each is marked as what it is. */
#include <stdio.h>
#include <string.h>

#include "services/store/task_history.h"
#include "services/store/timeline.h"
#include "services/store/ui/ui_actions.h"
#include "services/store/ui/ui_bill.h"
#include "services/store/ui/ui_browse.h"
#include "services/store/ui/ui_feed.h"
#include "services/store/ui/ui_find.h"
#include "services/store/ui/ui_intervals.h"
#include "services/store/ui/ui_live.h"
#include "services/store/ui/ui_logs.h"
#include "services/store/ui/ui_overview.h"
#include "services/store/ui/ui_runs.h"
#include "services/store/ui/ui_versions.h"
#include "services/store/web/access/access_read.h"
#include "services/store/web/access/clients_read.h"
#include "services/store/web/access/upstream_tokens.h"
#include "services/store/web/directories_read.h"
#include "services/store/web/elevation_tree_read.h"
#include "services/store/web/feed/changes_read.h"
#include "services/store/web/feed/run_changes_read.h"
#include "services/store/web/feed/snapshot_read.h"
#include "services/store/web/feed/webhooks_read.h"
#include "services/store/web/holds_read.h"
#include "services/store/web/intervals_read.h"
#include "services/store/web/intervals_write.h"
#include "services/store/web/objects_read.h"
#include "services/store/web/odoo_read.h"
#include "services/store/web/odoo_stream_read.h"
#include "services/store/web/parts/bom_read.h"
#include "services/store/web/parts/images_read.h"
#include "services/store/web/parts/parsing_queue_read.h"
#include "services/store/web/parts/parts_read.h"
#include "services/store/web/phase_constraint.h"
#include "services/store/web/sync_state_read.h"
#include "services/store/web/watch/alerts_sql.h"
#include "services/store/web/watch/checks_read.h"
#include "services/store/web/watch/health_read.h"
#include "services/store/web/watch/history_read.h"
#include "services/store/web/watch/metrics_read.h"
#include "services/store/web/watch/reports_read.h"
#include "services/store/web/watch/timeline_read.h"
#include "services/store/web/watch/verdict_read.h"
#include "services/store/web/watch/why_read.h"
#include "tests/support/store.h"

/* s: slow, q: quick, p: patient, b: its results are binary, e: its JSON is exact (db/pool.h). */
static const struct {
    const struct query *query;
    const char *marks;
} rows[] = {
    {&query_history_lost, ""},
    {&query_history_write, ""},
    {&query_episodes_end, ""},
    {&query_episodes_note, ""},
    {&query_flight_take, ""},
    {&ui_query_action_add, ""},
    {&ui_query_actions, ""},
    {&ui_query_clients, ""},
    {&ui_query_clients_more, ""},
    {&ui_query_bill, ""},
    {&ui_query_elevation, ""},
    {&ui_query_project, ""},
    {&ui_query_tree, ""},
    {&ui_query_journal, "s"},
    {&ui_query_find, "s"},
    {&ui_query_find_csv, "s"},
    {&ui_query_find_directories, ""},
    {&ui_query_interval_types, ""},
    {&ui_query_intervals, ""},
    {&ui_query_live, ""},
    {&ui_query_log_types, ""},
    {&ui_query_logs, ""},
    {&ui_query_logs_csv, "s"},
    {&ui_query_logs_json, "s"},
    {&ui_query_run, ""},
    {&ui_query_runs, ""},
    {&ui_query_counts, "s"},
    {&ui_query_hours, ""},
    {&ui_query_memory, ""},
    {&ui_query_memory_week, "s"},
    {&ui_query_sample_add, ""},
    {&ui_query_samples_trim, ""},
    {&ui_query_run_failed, ""},
    {&ui_query_run_grid, "s"},
    {&ui_query_versions, "s"},
    {&query_client_identity, "q"},
    {&query_session_add, ""},
    {&query_session_drop, ""},
    {&query_session_identity, "q"},
    {&query_sessions_there, ""},
    {&query_table_versions, "q"},
    {&query_versions_gather, "s"},
    {&query_web_key, ""},
    {&query_client_add, ""},
    {&query_client_change, ""},
    {&query_client_delete, ""},
    {&query_client_end_old, ""},
    {&query_client_get, ""},
    {&query_client_list, ""},
    {&query_client_me, "q"},
    {&query_client_new_secret, ""},
    {&query_client_page, ""},
    {&query_client_rehashed, ""},
    {&query_client_secret, "q"},
    {&query_client_used, ""},
    {&query_upstream_token_add, ""},
    {&query_upstream_token_drop, ""},
    {&query_upstream_token_get, ""},
    {&query_directories_exclude, ""},
    {&query_directories_more, "s"},
    {&query_directories_page, ""},
    {&query_directories_syncable, ""},
    {&query_directories_syncable_more, "s"},
    {&query_directory_exclude, ""},
    {&query_directory_get, ""},
    {&query_elevation_detail, ""},
    {&query_elevation_search, ""},
    {&query_elevation_tree, "s"},
    {&query_projects_of_objects, ""},
    {&query_changes_head, ""},
    {&query_changes_lag, "p"},
    {&query_changes_mark, "s"},
    {&query_changes_newest, ""},
    {&query_changes_page, ""},
    {&query_changes_settle, "s"},
    {&query_changes_unknown, ""},
    {&query_run_changes, "s"},
    {&query_snapshot_head, ""},
    {&query_webhook_add, ""},
    {&query_webhook_change, ""},
    {&query_webhook_delete, ""},
    {&query_webhook_get, ""},
    {&query_webhook_list, ""},
    {&query_webhook_replay, ""},
    {&query_webhooks_there, ""},
    {&query_webhooks_waiting, "p"},
    {&query_hold_decide, "s"},
    {&query_holds, ""},
    {&query_holds_now, "p"},
    {&query_holds_watched, "p"},
    {&query_intervals_get, ""},
    {&query_intervals_list, ""},
    {&query_retry_limits, ""},
    {&query_interval_add, ""},
    {&query_interval_change, ""},
    {&query_interval_delete, ""},
    {&query_interval_toggle, ""},
    {&query_intervals_order, ""},
    {&query_intervals_reset, ""},
    {&query_intervals_summary, ""},
    {&query_elevation_enrichment, ""},
    {&query_elevation_get, ""},
    {&query_elevation_has_parts, ""},
    {&query_elevations_more, "s"},
    {&query_elevations_of_phase, "s"},
    {&query_elevations_of_phase_more, "s"},
    {&query_elevations_page, "s"},
    {&query_enrichment_status, ""},
    {&query_phases_more, "s"},
    {&query_phases_of_project, "s"},
    {&query_phases_of_project_more, "s"},
    {&query_phases_page, "s"},
    {&query_project_get, ""},
    {&query_projects_more, "s"},
    {&query_projects_of_directory, ""},
    {&query_projects_of_directory_more, "s"},
    {&query_projects_page, ""},
    {&query_odoo_complete, "s"},
    {&query_odoo_elevations, "s"},
    {&query_odoo_elevations_more, "s"},
    {&query_odoo_phases, "s"},
    {&query_odoo_phases_more, "s"},
    {&query_odoo_project, "s"},
    {&query_odoo_projects, "s"},
    {&query_odoo_projects_more, "s"},
    {&query_odoo_search, "s"},
    {&query_odoo_stats, "s"},
    {&query_odoo_stream_elevations, "s"},
    {&query_odoo_stream_phase, "s"},
    {&query_odoo_stream_place, ""},
    {&query_odoo_stream_project, ""},
    {&query_bill_kept, ""},
    {&query_bill_piece, "b"},
    {&query_bom_diff, "se"},
    {&query_bom_diff_lacks, ""},
    {&query_bom_elevation, "se"},
    {&query_bom_phase, "se"},
    {&query_bom_phase_mark, ""},
    {&query_bom_project, "se"},
    {&query_bom_project_diff, "se"},
    {&query_bom_project_diff_mark, ""},
    {&query_bom_project_mark, ""},
    {&query_bom_unread, ""},
    {&query_cutting_list, "se"},
    {&query_glass_order, "se"},
    {&query_stock_list, "se"},
    {&query_drawing, "b"},
    {&query_drawing_claim, ""},
    {&query_drawing_release, ""},
    {&query_drawing_unclaim, ""},
    {&query_elevation_image, "b"},
    {&query_thumbnails_batch, "sb"},
    {&query_parsing_clear, ""},
    {&query_parsing_completed, ""},
    {&query_parsing_counts, ""},
    {&query_parsing_wanted, ""},
    {&query_parts_batch, "se"},
    {&query_parts_frame, "b"},
    {&query_parts_rows, "se"},
    {&query_parts_state, ""},
    {&query_parts_table, ""},
    {&query_parts_tables, "e"},
    {&query_parts_versions, ""},
    {&query_parts_versions_mark, ""},
    {&query_phase_constraint_fix, ""},
    {&query_phase_constraints, ""},
    {&query_project_mark_updated, ""},
    {&query_project_sync_status, ""},
    {&query_sync_state, ""},
    {&query_sync_summary, "s"},
    {&query_task_run, ""},
    {&query_alert_claim, ""},
    {&query_alert_log, ""},
    {&query_alert_note, ""},
    {&query_alert_orphans, ""},
    {&query_alert_over, ""},
    {&query_alert_take, ""},
    {&query_alerts_open, ""},
    {&query_silence_add, ""},
    {&query_silence_remove, ""},
    {&query_silences, ""},
    {&query_check_project, "s"},
    {&query_integrity_report, "s"},
    {&query_partial_failures, "s"},
    {&query_repair_project, "s"},
    {&query_stale_objects, "s"},
    {&query_has_migrations, ""},
    {&query_migrations, ""},
    {&query_ping, ""},
    {&query_room, ""},
    {&query_shape, ""},
    {&query_history_again, ""},
    {&query_history_list, "s"},
    {&query_history_task, ""},
    {&query_metrics, "s"},
    {&query_advanced_status, "s"},
    {&query_alert_acknowledge, ""},
    {&query_alert_create, ""},
    {&query_alert_get, ""},
    {&query_alert_history, ""},
    {&query_alerts, ""},
    {&query_efficiency, "s"},
    {&query_performance, "s"},
    {&query_project_metrics, "s"},
    {&query_timeline, "s"},
    {&query_verdict_counts, "s"},
    {&query_verdict_sync, "p"},
    {&query_why_directory, ""},
    {&query_why_elevation, ""},
    {&query_why_find, "s"},
    {&query_why_plant, ""},
    {&query_why_project, ""},
};

TEST(test_statements_are_marked_as_what_they_are)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct query *q = rows[i].query;
        char marks[6];
        snprintf(marks, sizeof marks, "%s%s%s%s%s", q->is_slow ? "s" : "", q->is_quick ? "q" : "",
                 q->is_patient ? "p" : "", q->is_binary ? "b" : "", q->is_exact ? "e" : "");
        if (strcmp(marks, rows[i].marks) != 0) fail_msg("%s: \"%s\"", q->name, marks);
    }
}

TEST(test_statements_can_be_planned)
{
    static struct store s;
    store_start(&s);
    PGconn *conn = pg_connect(&s.pg);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        PGresult *r = PQprepare(conn, "", rows[i].query->sql, 0, NULL);
        if (PQresultStatus(r) != PGRES_COMMAND_OK) fail_msg("%s: %s", rows[i].query->name, PQerrorMessage(conn));
        PQclear(r);
    }
    PQfinish(conn);
    store_stop(&s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_statements_are_marked_as_what_they_are),
    cmocka_unit_test(test_statements_can_be_planned),
};
TEST_MAIN(tests, NULL, NULL)
