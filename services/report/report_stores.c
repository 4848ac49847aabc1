/* What other servers know: PostgreSQL, Redis, and the web process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <curl/curl.h>

#include "conf/exit.h"
#include "ipc/queue/queue.h"
#include "services/report/report_internal.h"
#include "services/role.h"
#include "services/store/db/db.h"
#include "services/store/web/watch/report_read.h"

#define STATEMENT_MS 8000
#define HTTP_S       8L

/* The commands free the configuration that they are given: this process is the part's own, and it ends. */
int report_check(const struct conf *conf)
{
    return check_main((struct conf *)(uintptr_t)conf, 0, NULL); /* line by line: one that hangs takes none away */
}

int report_queues(const struct conf *conf)
{
    char *argv[] = {"list", "--json"};
    return queue_main((struct conf *)(uintptr_t)conf, 2, argv);
}

int report_database(const struct conf *conf)
{
    struct err err = {0};
    int status = 0;
    struct db *db = db_open_for(conf, STATEMENT_MS, "logikald report", &err);
    if (!db) {
        printf("%s\n", err.text);
        return EXIT_UNAVAILABLE;
    }
    for (const struct report_query *q = report_queries; q->name; q++) {
        PGresult *r = db_query(db, &err, q->sql, 0, NULL);
        printf("// %s\n%s\n", q->name, r && PQntuples(r) ? db_text(r, 0, 0) : err.text);
        if (!r) status = EXIT_UNAVAILABLE;
        PQclear(r);
    }
    db_close(db);
    return status;
}

/* ---- web ---- */

static size_t to_stdout(char *bytes, size_t size, size_t count, void *arg)
{
    (void)arg;
    return fwrite(bytes, size, count, stdout);
}

static int get(const struct conf *conf, const char *path)
{
    char url[200], bearer[600], why[CURL_ERROR_SIZE] = "";
    const char *host = conf_str(conf, SET_HTTP_HOST);
    long status = 0;
    bool is_any = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    snprintf(url, sizeof url, "http://%s:%d%s", is_any ? "127.0.0.1" : host, (int)conf_int(conf, SET_HTTP_PORT), path);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", conf_str(conf, SET_METRICS_TOKEN));
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = conf_is_set(conf, SET_METRICS_TOKEN) ? curl_slist_append(NULL, bearer) : NULL;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, to_stdout);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, HTTP_S);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    CURLcode rc = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    if (rc != CURLE_OK) printf("web does not answer: %s\n", why[0] ? why : curl_easy_strerror(rc));
    if (rc == CURLE_OK && status == 401)
        puts("\nweb answers this with METRICS_TOKEN alone: set one, and make the report again");
    return rc == CURLE_OK && status == 200 ? 0 : EXIT_UNAVAILABLE;
}

int report_verdict(const struct conf *conf)
{
    return get(conf, "/api/v1/verdict");
}

int report_metrics(const struct conf *conf)
{
    return get(conf, "/metrics");
}
