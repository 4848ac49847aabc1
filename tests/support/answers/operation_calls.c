/* What the operations of /openapi.json are called with, a row each: see operation_calls.h. */
#include "tests/support/answers/operation_calls.h"

#include <string.h>

#include "tests/support/web.h"

static const struct operation_call calls[] = {
    {"admin_login", NULL, "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\"}", 0},
    {"admin_form_login", NULL, "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\"}", 0},
    {"ui_login_send", NULL, "{\"username\":\"admin\",\"password\":\"" WEB_ADMIN_PASSWORD "\"}", 303},
    {"client_register", NULL, "{\"client_id\":\"contract\",\"name\":\"Contract\"}", 0},
    {"client_login", NULL, "{\"client_id\":\"contract\",\"client_secret\":\"wrong\"}", 401},
    {"client_me", NULL, NULL, 403}, /* an administrator is no client */
    {"client_change", "/api/v1/client-auth/clients/contract", "{\"rate_limit_per_hour\":5000}", 0},
    {"admin_client_create", NULL, "{\"name\":\"Contract two\"}", 0},
    {"admin_client_get", "/api/v1/admin/clients/contract", NULL, 0},
    {"admin_client_change", "/api/v1/admin/clients/contract", "{\"description\":\"changed\"}", 0},
    {"admin_client_regenerate", "/api/v1/admin/clients/contract/regenerate-secret", NULL, 0},
    {"admin_client_delete", "/api/v1/admin/clients/doomed", NULL, 0},
    {"admin_client_rotate", "/api/v1/admin/clients/contract/rotate-secret", NULL, 0},
    {"admin_client_end_old", "/api/v1/admin/clients/contract/end-old-secret", NULL, 0},
    {"oauth_token", NULL, "{}", 400}, /* a form is asked for */
    {"alert_test", NULL, NULL, 409},  /* no channel is set */
    {"silence_add", NULL, "{\"key\":\"sync\",\"minutes\":5,\"reason\":\"a test\"}", 0},
    {"interval_add", NULL, "{\"object_type\":\"contract_type\",\"display_name\":\"C\",\"depends_on\":[\"phase\"]}", 0},
    {"interval_change", "/api/v1/admin/sync-intervals/phase", "{\"priority\":4}", 0},
    {"interval_delete", "/api/v1/admin/sync-intervals/contract_type", NULL, 0},
    {"intervals_get", "/api/v1/admin/sync-intervals/phase", NULL, 0},
    {"interval_toggle", "/api/v1/admin/sync-intervals/phase/toggle", NULL, 0},
    {"interval_sync", "/api/v1/admin/sync-intervals/directory/sync", NULL, 0},
    {"directories_exclude", NULL, "{\"directory_ids\":[1,99999],\"exclude\":false}", 0},
    {"directory_exclude", NULL, "{\"exclude\":false}", 0},
    {"odoo_elevations", "/api/v1/odoo/projects/{project}/phases/{phase}/elevations", NULL, 0},
    {"parts_table", "/api/v1/elevations/1/parts/Articles", NULL, 0},
    {"parts_batch", NULL, "{\"elevation_ids\":[1,2,99999]}", 0},
    {"elevation_drawing", "/api/v1/elevations/99999/drawing", NULL, 404}, /* else 202, or 200 when it has come */
    {"thumbnails_batch", NULL, "{\"elevation_ids\":[1,2,99999]}", 0},
    {"bom_diff", NULL, NULL, 404}, /* there is one version of it */
    {"bom_project_diff", "/api/v1/projects/{project}/bom/diff?from=2020-01-01T00:00:00Z", NULL, 0},
    {"odoo_search", "/api/v1/odoo/search?q=a", NULL, 0},
    {"explorer_search", "/admin/elevations/search?q=a", NULL, 0},
    {"scheduler_sync_batch", NULL, "[\"{project}\"]", 0},
    {"scheduler_cancel", "/api/v1/scheduler/tasks/none", NULL, 0},
    {"run_changes", "/api/v1/syncs/1/changes", NULL, 0},
    {"task_history_one", "/api/v1/tasks/history/past", NULL, 0},
    {"schedule_run", "/api/v1/admin/schedule/cleanup-old-tasks/run", NULL, 0},
    {"schedule_pause", "/api/v1/admin/schedule/cleanup-old-tasks/pause", NULL, 0},
    {"schedule_resume", "/api/v1/admin/schedule/cleanup-old-tasks/resume", NULL, 0},
    {"why", "/api/v1/why?of=type:project", NULL, 0},
    {"why_object", "/api/v1/why/object?of={project}", NULL, 0},
    {"task_again", "/api/v1/admin/tasks/past/again", NULL, 0},
    {"process_command", "/api/v1/admin/processes/web/restart", NULL, 503}, /* there is no supervisor */
    {"supervisor_reload", NULL, NULL, 503},
    {"advanced_stale", "/api/v1/advanced-sync/stale-objects/phase", NULL, 0},
    {"advanced_selective", "/api/v1/advanced-sync/selective-sync?object_type=project", "[\"{project}\"]", 0},
    {"advanced_dependency", "/api/v1/advanced-sync/dependency-sync/project/{project}", NULL, 0},
    {"alert_create", NULL, "{\"alert_type\":\"test\",\"severity\":\"info\",\"message\":\"hello\"}", 0},
    {"alert_acknowledge", NULL, "{\"alert_id\":\"none\",\"acknowledged_by\":\"me\"}", 400},
    {"alert_notify", NULL, "{\"alert_id\":\"none\",\"recipients\":[\"a@b.c\"]}", 404},
    {"hold_apply", NULL, NULL, 404}, /* nothing is held */
    {"hold_refuse", NULL, NULL, 404},
    {"webhook_add", NULL, OPERATION_WEBHOOK, 0},
    {"webhook_change", NULL, "{\"state\":\"paused\"}", 0},
    {"webhook_delete", "/api/v1/webhooks/2", NULL, 0},
    {"webhook_replay", NULL, "{\"since\":\"start\"}", 0},
    {"queue_pause", "/api/v1/admin/queues/sqlite_parser/pause", NULL, 0},
    {"queue_resume", "/api/v1/admin/queues/sqlite_parser/resume", NULL, 0},
    {"queue_messages_purge", "/api/v1/admin/queues/sqlite_parser/messages", NULL, 0},
    {"tasks_bulk", NULL, "{\"list\":\"dead\",\"action\":\"retry\",\"q\":\"nothing is like this\"}", 0},
    {"dead_letter_delete", "/api/v1/admin/dead-letters/0123456789012345678901234567890123456789", NULL, 404},
    {"upstream_login", NULL, "{\"base_url\":\"http://x\",\"username\":\"u\",\"password\":\"p\"}", 401},
    {"upstream_test", "/api/v1/auth/test?base_url=http://x&username=u&password=p", NULL, 401},
    {"upstream_reset", "/api/v1/auth/reset-navigation?base_url=http://x&username=u&password=p", NULL, 400},
    {"upstream_logout", "/api/v1/auth/logout?token=none", NULL, 404},
    {"concurrency_test", NULL, NULL, 410},
    {"asset", "/assets/ui/ui.css", NULL, 0},
};

const struct operation_call *operation_call_of(const char *operation)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strcmp(calls[i].operation, operation) == 0) return &calls[i];
    return NULL;
}
