/* All roles: of build/logikald-roles. */
#include "conf/conf.h"
#include "services/role.h"

const struct role roles[] = {
    {"web", web_main, conf_check_web, true},
    {"worker", worker_main, NULL, true},
    {"beat", beat_main, NULL, true},
    {"migrate", migrate_main, NULL, false},
    {"queue", queue_main, NULL, false},
    {"task", task_main, NULL, false},
    {"check", check_main, NULL, false},
    {"hold", hold_main, NULL, false},
    {"feed", feed_main, NULL, false},
    {"alert", alert_main, NULL, false},
    {"why", why_main, NULL, false},
    {"report", report_main, NULL, false},
    {0},
};
