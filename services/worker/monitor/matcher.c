/* See matcher.h. Patterns as kombu has them: "glob" (the whole name, case counts), and "pcre": a regular expression
 * that matches from the name's beginning, as Python's re.match does. Patterns come from strangers: their work is
 * bounded. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "services/worker/monitor/matcher.h"

#include <fnmatch.h>
#include <pcre2.h>
#include <string.h>

#include "conf/log.h"
#include "services/worker/monitor/answer.h"

#define PATTERN_MAX 1000
#define STEPS_MAX   100000 /* of backtracking */

static bool matches_expression(const char *pattern, const char *node)
{
    int code, rc = PCRE2_ERROR_NOMEMORY;
    PCRE2_SIZE at;
    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_ANCHORED | PCRE2_UTF, &code, &at, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    pcre2_match_data *found = compiled ? pcre2_match_data_create_from_pattern(compiled, NULL) : NULL;
    if (context) pcre2_set_match_limit(context, STEPS_MAX);
    if (context && found) rc = pcre2_match(compiled, (PCRE2_SPTR)node, strlen(node), 0, 0, found, context);
    if (!compiled)
        log_warning("a request of remote control has a pattern that is no regular expression: %.200s", pattern);
    else if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
        log_warning("a request of remote control has a pattern that cannot be matched (%d): %.200s", rc, pattern);
    pcre2_match_data_free(found);
    pcre2_match_context_free(context);
    pcre2_code_free(compiled);
    return rc >= 0;
}

static bool matches(const char *matcher, const char *pattern, const char *node)
{
    if (strlen(pattern) > PATTERN_MAX) return false;
    if (strcmp(matcher, "glob") == 0) return fnmatch(pattern, node, FNM_NOESCAPE) == 0;
    if (strcmp(matcher, "pcre") == 0) return matches_expression(pattern, node);
    log_warning("a request of remote control names a matcher that there is not: %.100s (glob and pcre are)", matcher);
    return false;
}

bool request_is_for(const cJSON *request, const char *node)
{
    const cJSON *destination = request_member(request, "destination"), *item;
    const char *pattern = request_text(request, "pattern"), *matcher = request_text(request, "matcher");
    if (request_is_true(destination)) {
        if (cJSON_IsString(destination)) return strcmp(destination->valuestring, node) == 0;
        cJSON_ArrayForEach(item, destination)
            if (cJSON_IsString(item) && strcmp(item->valuestring, node) == 0) return true;
        return false;
    }
    if (pattern && pattern[0] && matcher && matcher[0]) return matches(matcher, pattern, node);
    return true;
}
