/* Whether `reload --exec` has led to another program: new files that were put beside the one that is executed, or a
 * link that the supervisor was not called by, would change nothing, and nobody would notice. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/version.h"
#include "supervisor/ctl/ctl_internal.h"

#define TRIAL_MS 12000 /* 0.1 answers before its trial: who asks then is answered by the program of before */
#define TAKEN_MS 5000
#define LOOK_MS  25

/* The file of a process, "" when it is not told. */
static void file_of(int pid, char *out, size_t size)
{
    static const char deleted[] = " (deleted)";
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    ssize_t n = readlink(path, out, size - 1);
    out[n > 0 ? n : 0] = '\0';
    size_t len = strlen(out);
    if (len > strlen(deleted) && strcmp(out + len - strlen(deleted), deleted) == 0) out[len - strlen(deleted)] = '\0';
}

static int nothing_upgraded(const struct snapshot *before)
{
    char file[400];
    file_of(before->pid, file, sizeof file);
    fprintf(
        stderr,
        "logikald: nothing is upgraded: the supervisor is still %s, and this program is %s. It executes %s: put the "
        "new programs there, or see in its log why it went back to the one before\n",
        before->version, version_text, file[0] ? file : "the file that it was started from");
    return 1;
}

int ctl_tell_executed(const char *run_dir, const struct snapshot *before)
{
    bool answers_early = strncmp(before->version, "0.1.", 4) == 0;
    int64_t deadline = mono_ms() + (answers_early ? TRIAL_MS : TAKEN_MS);
    struct err err = {0};
    struct snapshot *now = calloc(1, sizeof *now);
    if (!now || strncmp(before->version, version_text, sizeof before->version - 1) == 0) {
        free(now);
        return 0;
    }
    int rc = ctl_status(run_dir, now, NULL, &err);
    while ((rc != 0 || (answers_early && strcmp(now->version, before->version) == 0)) && mono_ms() < deadline) {
        poll(NULL, 0, LOOK_MS);
        rc = ctl_status(run_dir, now, NULL, &err);
    }
    bool is_another = rc == 0 && strcmp(now->version, before->version) != 0;
    if (is_another) printf("the supervisor is %s now, and was %s\n", now->version, before->version);
    if (rc != 0) fprintf(stderr, "logikald: what it is now is not known: %s\n", err.text);
    free(now);
    if (rc == 0 && !is_another) return nothing_upgraded(before);
    return is_another ? 0 : 1;
}
