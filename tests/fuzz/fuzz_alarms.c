/* What a web process that was killed has left in RUN_DIR of the alarms that it had told: whatever lies there is taken
 * once, as problems that have a key, and is gone then; what is written is taken as it is. short run: 2500 */
#include "conf/log.h"
#include "conf/text/fact.h"
#include "services/web/watch/alarms/told_alone.h"
#include "tests/fuzz/fuzz.h"

static char run_dir[64], file[96], own[96];

static void remove_run_dir(void)
{
    unlink(own);
    unlink(file);
    rmdir(run_dir);
}

static void set_up(void)
{
    log_set_level(LOG_CRITICAL);
    fuzz_dir(run_dir, sizeof run_dir);
    snprintf(file, sizeof file, "%s/alarms.1", run_dir);
    snprintf(own, sizeof own, "%s/alarms.%d", run_dir, (int)getpid());
    atexit(remove_run_dir);
}

static cJSON *taken;
static int times;

static void on_taken(void *arg, const cJSON *problems)
{
    (void)arg;
    const cJSON *p;
    PROMISE(cJSON_IsArray(problems));
    cJSON_ArrayForEach(p, problems) PROMISE(*fact_text(p, "key"));
    times++;
    cJSON_Delete(taken);
    taken = cJSON_Duplicate(problems, true);
}

static void take(void)
{
    struct told_alone *t = told_alone_new(run_dir);
    PROMISE(t);
    times = 0;
    told_alone_take(t, on_taken, NULL);
    PROMISE(times <= 1 && access(file, F_OK) != 0);
    told_alone_free(t);
}

/* What was read is written by another process, which dies, and is read again. */
static void check_again(void)
{
    struct told_alone *t = told_alone_new(run_dir);
    cJSON *before = cJSON_Duplicate(taken, true);
    PROMISE(t && before);
    told_alone_write(t, before);
    told_alone_free(t);
    if (before->child) PROMISE(rename(own, file) == 0);
    take();
    char *a = cJSON_PrintUnformatted(before), *b = cJSON_PrintUnformatted(taken);
    PROMISE(a && b && (!before->child || (times == 1 && strcmp(a, b) == 0)));
    free(a);
    free(b);
    cJSON_Delete(before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!*file) set_up();
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    close(fd);
    take();
    if (times == 1) check_again();
    cJSON_Delete(taken);
    taken = NULL;
    return 0;
}
