/* `logikald report`: all that support asks for in one archive, without secrets. Each part is had by itself and bounded
 * in time; what could not be had is named in the archive's contents. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sodium.h>

#include "conf/exit.h"
#include "conf/machine/file.h"
#include "conf/log.h"
#include "conf/scrub.h"
#include "conf/version.h"
#include "services/archive/zip.h"
#include "services/report/report_internal.h"
#include "services/role.h"

#define SECONDS     20
#define SECONDS_MAX 600

static const char usage[] =
    "usage: logikald report [--output FILE] [--timeout SECONDS]\n\n"
    "Writes an archive for support: versions, settings, status, verdict, the output of `logikald check`, what happened "
    "to\n"
    "processes, last lines of the logs, metrics, queues, schema and sizes of tables, limits and facts of the machine.\n"
    "Secrets are replaced by ***. Also while web, Redis or PostgreSQL are away: what could not be had is named in it.\n"
    "FILE must not exist (default: logikald-report-TIME.zip here); its mode is 0600. No part takes longer than "
    "SECONDS\n"
    "(default 20); all are had side by side. Exit status 0: written; 1: not.\n";

static const struct report_part parts[] = {
    {"settings.txt", "every setting with its source, secrets masked", report_settings},
    {"status.json", "the supervisor's last word about itself and its children", report_status},
    {"verdict.json", "what web judges the state of the copy to be", report_verdict},
    {"check.txt", "the pre-flight: configuration, PostgreSQL, Redis, Logikal, disk, memory", report_check},
    {"events.jsonl", "what the supervisor here has recorded of its processes", report_events},
    {"logs.txt", "last lines of the log", report_logs},
    {"metrics.txt", "/metrics of web", report_metrics},
    {"queues.json", "how much waits in which queue", report_queues},
    {"database.txt", "PostgreSQL: version, schema, sizes, activity, runs, failed tasks, recorded events",
     report_database},
    {"system.txt", "kernel, limits, memory, control group", report_system},
};
#define PARTS (sizeof parts / sizeof *parts)

static void describe(struct buf *out, const struct report_result *results)
{
    char now[64];
    time_t t = time(NULL);
    struct tm tm;
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
    buf_printf(out, "A report of logikald %s, made %s. Secrets are replaced by ***.\n\n", version_text, now);
    for (size_t i = 0; i < PARTS; i++)
        buf_printf(out, "%-14s %s%s%s\n", parts[i].name, parts[i].what, results[i].fault[0] ? "; NOT WHOLE: " : "",
                   results[i].fault);
}

static bool add_file(struct zip *zip, struct buf *out, const struct scrub *scrub, const char *name,
                     const struct buf *text)
{
    struct buf clean = {0};
    bool is_added = scrub_text(scrub, &clean, text->data ? text->data : "", text->len) &&
                    zip_add(zip, out, name, clean.data ? clean.data : "", clean.len);
    buf_free(&clean);
    return is_added;
}

static bool pack(struct buf *out, const struct scrub *scrub, const struct report_result *results)
{
    struct zip zip = {0};
    struct buf contents = {0};
    describe(&contents, results);
    bool is_whole = add_file(&zip, out, scrub, "contents.txt", &contents);
    for (size_t i = 0; is_whole && i < PARTS; i++)
        is_whole = add_file(&zip, out, scrub, parts[i].name, &results[i].text);
    is_whole = is_whole && zip_end(&zip, out);
    buf_free(&contents);
    zip_free(&zip);
    return is_whole;
}

/* A new file: what stands there, a link too, is left alone. */
static int write_new(const char *path, const struct buf *bytes, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return err_errno(err, "%s", path);
    int rc =
        file_write_all(fd, bytes->data, bytes->len) != 0 || fsync(fd) != 0 ? err_errno(err, "writing %s", path) : 0;
    close(fd);
    if (rc != 0) unlink(path);
    return rc;
}

static int make(const struct conf *conf, const char *path, int seconds)
{
    struct report_result *results = calloc(PARTS, sizeof *results);
    struct scrub scrub = {0};
    struct buf archive = {0};
    struct err err = {0};
    int missing = 0;
    if (!results) return EXIT_FAILED;
    report_secrets(&scrub, conf);
    parts_run(conf, seconds, parts, PARTS, results);
    bool is_packed = pack(&archive, &scrub, results);
    if (!is_packed) err_set(&err, ERR_NOMEM, "no memory for the archive");
    bool is_written = is_packed && write_new(path, &archive, &err) == 0;
    for (size_t i = 0; i < PARTS; i++) {
        if (is_written && results[i].fault[0]) printf("%s: %s\n", parts[i].name, results[i].fault);
        missing += results[i].fault[0] != 0;
        buf_free(&results[i].text);
    }
    if (is_written)
        printf("%s: %zu bytes, %d of %zu parts are not whole; read it before you send it\n", path, archive.len, missing,
               PARTS);
    else
        fprintf(stderr, "logikald report: %s\n", err.text);
    free(results);
    buf_free(&archive);
    scrub_free(&scrub);
    return is_written ? 0 : EXIT_FAILED;
}

static void default_path(char *out, size_t size)
{
    time_t t = time(NULL);
    struct tm tm;
    strftime(out, size, "logikald-report-%Y%m%dT%H%M%SZ.zip", gmtime_r(&t, &tm));
}

/* False: not understood. */
static bool read_words(int argc, char **argv, char *path, size_t size, long *seconds)
{
    for (int i = 0; i < argc; i += 2) {
        char *end = NULL;
        if (i + 1 == argc || !argv[i + 1][0]) return false;
        if (strcmp(argv[i], "--output") == 0)
            snprintf(path, size, "%s", argv[i + 1]);
        else if (strcmp(argv[i], "--timeout") == 0)
            *seconds = strtol(argv[i + 1], &end, 10);
        else
            return false;
        if (end && (*end || *seconds < 1 || *seconds > SECONDS_MAX)) return false;
    }
    return true;
}

int report_main(struct conf *conf, int argc, char **argv)
{
    char path[PATH_MAX];
    long seconds = SECONDS;
    bool is_help = argc == 1 && strcmp(argv[0], "--help") == 0;
    int status = EXIT_USAGE;
    default_path(path, sizeof path);
    if (is_help || !read_words(argc, argv, path, sizeof path, &seconds)) {
        fputs(usage, is_help ? stdout : stderr);
        status = is_help ? 0 : EXIT_USAGE;
    } else if (sodium_init() >= 0) {
        log_set_level(LOG_CRITICAL); /* what is away is part of the report */
        status = make(conf, path, (int)seconds);
    }
    conf_free(conf);
    return status;
}
