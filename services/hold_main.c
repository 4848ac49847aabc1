/* `logikald hold ...`: what the sync holds back, because it does not believe that so much is gone, and the operator's
 * word on it. One statement on one connection, then the exit: list [--json]           the holds, the newest first, with
 * what is missing apply ID, refuse ID     mark what is held as gone; keep it, and hold it no more as long as it stays
 * missing */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pwd.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "conf/conf.h"
#include "conf/exit.h"
#include "conf/text/json.h"
#include "conf/log.h"
#include "services/role.h"
#include "services/store/db/db.h"
#include "services/store/web/holds_read.h"

#define LIST_MAX "200"

static const char usage[] = "usage: logikald hold list [--json]\n"
                            "       logikald hold apply|refuse ID\n";

static const char *text(const cJSON *hold, const char *name)
{
    const char *value = json_text(hold, name);
    return value ? value : "";
}

static void print_hold(const cJSON *hold)
{
    const cJSON *each;
    printf("%.0f %s (%s) since %.19s: %.0f directories, %.0f projects, %.0f phases, %.0f elevations\n",
           json_number(hold, "id", 0), text(hold, "state"), text(hold, "reason"), text(hold, "since"),
           json_number(hold, "directories", 0), json_number(hold, "projects", 0), json_number(hold, "phases", 0),
           json_number(hold, "elevations", 0));
    if (*text(hold, "decided_by")) printf("  by %s at %.19s\n", text(hold, "decided_by"), text(hold, "decided_at"));
    cJSON_ArrayForEach(each, cJSON_GetObjectItemCaseSensitive(hold, "missing"))
        printf("  %s %s\n", text(each, "type"), text(each, "name"));
}

static int list(struct db *db, bool is_json, struct err *err)
{
    const char *values[] = {"", LIST_MAX};
    PGresult *r = db_query(db, err, query_holds.sql, 2, values);
    if (!r) return -ERR_DB;
    cJSON *holds = cJSON_Parse(db_text(r, 0, 0));
    if (is_json) puts(db_text(r, 0, 0));
    const cJSON *hold;
    if (!is_json)
        cJSON_ArrayForEach(hold, holds) print_hold(hold);
    if (!is_json && !cJSON_GetArraySize(holds)) puts("nothing is held");
    cJSON_Delete(holds);
    PQclear(r);
    return 0;
}

static int decide(struct db *db, const char *id, const char *decision, struct err *err)
{
    char who[80];
    const struct passwd *user = getpwuid(geteuid());
    snprintf(who, sizeof who, "%.60s (command)", user ? user->pw_name : "somebody");
    const char *values[] = {id, decision, who};
    PGresult *r = db_query(db, err, query_hold_decide.sql, 3, values);
    if (!r) return -ERR_DB;
    int rc = 0;
    if (PQntuples(r) == 0)
        rc = err_set(err, ERR_NOT_FOUND, "there is no hold %s", id);
    else if (strcmp(db_text(r, 0, 0), "open") != 0)
        rc = err_set(err, ERR_CONFLICT, "hold %s is %s already", id, db_text(r, 0, 0));
    else if (strcmp(decision, "apply") == 0)
        printf("marked as gone: %s directories, %s projects, %s phases, %s elevations\n", db_text(r, 0, 1),
               db_text(r, 0, 2), db_text(r, 0, 3), db_text(r, 0, 4));
    else
        puts("what is held stays, and is not held again as long as it stays missing in Logikal");
    PQclear(r);
    return rc;
}

int hold_main(struct conf *conf, int argc, char **argv)
{
    struct err err = {0};
    const char *verb = argc > 0 ? argv[0] : "", *id = argc > 1 ? argv[1] : "";
    bool is_list = strcmp(verb, "list") == 0, is_json = is_list && argc == 2 && strcmp(id, "--json") == 0;
    bool is_decision = strcmp(verb, "apply") == 0 || strcmp(verb, "refuse") == 0;
    bool is_id = *id && strlen(id) <= 15 && strspn(id, "0123456789") == strlen(id);
    if (!(is_list && (argc == 1 || is_json)) && !(is_decision && argc == 2 && is_id)) {
        fputs(usage, stderr);
        conf_free(conf);
        return EXIT_USAGE;
    }
    struct db *db = db_open_conf(conf, true, "logikald hold", &err);
    int rc = !db ? err_result(&err) : is_list ? list(db, is_json, &err) : decide(db, id, verb, &err);
    if (rc < 0) fprintf(stderr, "logikald hold: %s\n", err.text);
    db_close(db);
    conf_free(conf);
    if (rc == 0) return 0;
    return err.code == ERR_CONFIG                                  ? EXIT_CONFIG
           : err.code == ERR_NOT_FOUND || err.code == ERR_CONFLICT ? EXIT_NO_SUCH
                                                                   : EXIT_UNAVAILABLE;
}
