/* Deciding which call fails: see faults.h. */
#include "tests/sim/faults.h"

#include <string.h>

#include "tests/sim/world/hash.h"

static const char *const kinds[FAULT_KINDS] = {"status", "cut",        "garbage", "slow", "truncate", "expire",
                                               "locked", "wrong_type", "hang",    "huge", "lost"};

/* "elevations" means the list and the select, "elevations_list" only the list, "elevations_select" only the select;
 * "*" means every call. False when it means none. */
static bool read_endpoint(const char *name, bool matches[EP_COUNT])
{
    bool is_any = false;
    size_t len = strlen(name);
    bool is_list = len > 5 && strcmp(name + len - 5, "_list") == 0;
    if (is_list) len -= 5;
    for (int e = 0; e < EP_UNKNOWN; e++) {
        const char *own = endpoint_name((enum endpoint)e);
        bool is_same = strncmp(own, name, len) == 0 && own[len] == 0;
        bool is_select = strncmp(own, name, len) == 0 && strcmp(own + len, "_select") == 0;
        matches[e] = strcmp(name, "*") == 0 || is_same || (is_select && !is_list);
        is_any |= matches[e];
    }
    return is_any;
}

static bool read_number(const cJSON *json, const char *name, double min, double max, double *out, struct err *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    if (!item) return true;
    if (cJSON_IsNumber(item) && item->valuedouble >= min && item->valuedouble <= max) {
        *out = item->valuedouble;
        return true;
    }
    err_set(err, ERR_INPUT, "\"%s\" has to be a number from %g to %g", name, min, max);
    return false;
}

static int read_rule(struct fault_rule *rule, const cJSON *json, struct err *err)
{
    const cJSON *endpoint = cJSON_GetObjectItemCaseSensitive(json, "endpoint");
    const cJSON *kind = cJSON_GetObjectItemCaseSensitive(json, "kind");
    *rule = (struct fault_rule){0};
    if (!cJSON_IsString(endpoint) || !read_endpoint(endpoint->valuestring, rule->matches))
        return err_set(err, ERR_INPUT, "\"endpoint\" has to name a call (auth, projects, elevations_list, ... or *)");
    int k = 0;
    while (k < FAULT_KINDS && !(cJSON_IsString(kind) && strcmp(kinds[k], kind->valuestring) == 0)) k++;
    if (k == FAULT_KINDS)
        return err_set(err, ERR_INPUT,
                       "\"kind\" has to be status, cut, garbage, slow, truncate, expire, locked, "
                       "wrong_type, hang, huge or lost");
    double status = 503, probability = 1, count = -1, after = 0, retry_after = -1;
    double duration_ms = k == FAULT_HANG ? 600e3 : 5e3, size_bytes = 64 << 20;
    if (!read_number(json, "status", 200, 599, &status, err) ||
        !read_number(json, "probability", 0, 1, &probability, err) ||
        !read_number(json, "count", -1, 1e9, &count, err) || !read_number(json, "after", 0, 1e9, &after, err) ||
        !read_number(json, "retry_after", -1, 86400, &retry_after, err) ||
        !read_number(json, "duration_ms", 0, 3600e3, &duration_ms, err) ||
        !read_number(json, "size_bytes", 0, 1e12, &size_bytes, err))
        return -ERR_INPUT;
    rule->kind = (enum fault_kind)k;
    rule->status = (int)status;
    rule->probability = probability;
    rule->count = (long)count;
    rule->after = (long)after;
    rule->retry_after_s = (int)retry_after;
    rule->duration_ms = duration_ms;
    rule->size_bytes = size_bytes;
    rule->is_reset = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "reset"));
    return 0;
}

int faults_read(struct faults *f, const cJSON *json, struct err *err)
{
    const cJSON *rules = cJSON_IsArray(json) ? json : cJSON_GetObjectItemCaseSensitive(json, "rules");
    double seed = 1;
    struct faults read = {0};
    if (!cJSON_IsArray(rules)) return err_set(err, ERR_INPUT, "expected {\"rules\": [...]}");
    if (cJSON_GetArraySize(rules) > FAULT_RULES) return err_set(err, ERR_LIMIT, "at most %d rules", FAULT_RULES);
    if (!read_number(json, "seed", 0, 9e15, &seed, err)) return -ERR_INPUT;
    const cJSON *item;
    cJSON_ArrayForEach(item, rules) {
        if (read_rule(&read.rules[read.rule_count], item, err) < 0) {
            err_prefix(err, "rule %d", read.rule_count + 1);
            return -ERR_INPUT;
        }
        read.rule_count++;
    }
    read.state = (uint64_t)seed;
    *f = read;
    return 0;
}

void faults_clear(struct faults *f)
{
    *f = (struct faults){0};
}

const struct fault_rule *faults_pick(struct faults *f, enum endpoint endpoint)
{
    for (int i = 0; i < f->rule_count; i++) {
        struct fault_rule *rule = &f->rules[i];
        if (!rule->matches[endpoint]) continue;
        if ((long)rule->seen++ < rule->after || (rule->count >= 0 && (long)rule->struck >= rule->count)) continue;
        double die = (double)(hash_next(&f->state) >> 11) / (double)(1ULL << 53);
        if (die >= rule->probability) continue;
        rule->struck++;
        return rule;
    }
    return NULL;
}

void faults_add_json(const struct faults *f, struct buf *out)
{
    buf_str(out, "{\"rules\":[");
    for (int i = 0; i < f->rule_count; i++) {
        const struct fault_rule *rule = &f->rules[i];
        buf_printf(out, "%s{\"kind\":\"%s\",\"seen\":%lu,\"struck\":%lu}", i ? "," : "", kinds[rule->kind], rule->seen,
                   rule->struck);
    }
    buf_str(out, "]}");
}
