/* Why: what may be asked, a zero byte, and the facts as JSON, which PostgreSQL, Redis, the supervisor and strangers'
 * names make. Whatever they are, there is one chain with a state and a sentence for each link. short run: 4000 */
#include <cjson/cJSON.h>

#include "conf/text/utf8.h"
#include "services/why/explain.h"
#include "services/why/print.h"
#include "services/why/subject.h"
#include "tests/fuzz/fuzz.h"

static const char *text_in(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static bool is_state(const char *word)
{
    return word && (strcmp(word, "fine") == 0 || strcmp(word, "waits") == 0 || strcmp(word, "unknown") == 0 ||
                    strcmp(word, "stuck") == 0);
}

static void check_link(const cJSON *link)
{
    const cJSON *each;
    const char *what = text_in(link, "what");
    PROMISE(is_state(text_in(link, "state")) && what && *what && utf8_is_valid(what, strlen(what)));
    cJSON_ArrayForEach(each, cJSON_GetObjectItemCaseSensitive(link, "do"))
        PROMISE(cJSON_IsString(each) && *each->valuestring);
    cJSON_ArrayForEach(each, cJSON_GetObjectItemCaseSensitive(link, "because")) check_link(each);
}

static void explain(cJSON *facts, const cJSON *candidate)
{
    const char *kind = text_in(candidate, "kind"), *key = text_in(candidate, "key");
    struct buf lines = {0};
    PROMISE(kind && key && text_in(candidate, "of"));
    cJSON_DeleteItemFromObjectCaseSensitive(facts, "kind");
    cJSON_DeleteItemFromObjectCaseSensitive(facts, "key");
    cJSON_AddStringToObject(facts, "kind", kind);
    cJSON_AddStringToObject(facts, "key", key);
    cJSON *chain = why_explain(facts);
    PROMISE(chain && is_state(text_in(chain, "state")));
    check_link(cJSON_GetObjectItemCaseSensitive(chain, "chain"));
    why_print(&lines, chain);
    PROMISE(!lines.failed && lines.len > 0);
    buf_free(&lines);
    cJSON_Delete(chain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const kinds[] = {"type", "queue", "process", "task", "directory", "project", "elevation"};
    char *of = fuzz_text(data, size), unknown[700];
    const char *rest = strlen(of) < size ? of + strlen(of) + 1 : "{}";
    cJSON *facts = cJSON_Parse(rest);
    struct subject s;
    struct buf lines = {0};
    if (!cJSON_IsObject(facts) || !utf8_is_valid(of, size)) {
        cJSON_Delete(facts);
        free(of);
        return 0;
    }
    subject_read(of, &s);
    PROMISE(utf8_is_valid(s.name, strlen(s.name)));
    subject_may_be_object(&s);
    subject_may_be_task(&s);
    cJSON *candidates = subject_candidates(&s, facts);
    PROMISE(cJSON_IsArray(candidates));
    if (!candidates->child) {
        subject_unknown(&s, facts, unknown, sizeof unknown);
        PROMISE(*unknown && utf8_is_valid(unknown, strlen(unknown)));
        subject_is_unsure(&s, facts);
    }
    why_print_candidates(&lines, candidates);
    const cJSON *c;
    int n = 0;
    cJSON_ArrayForEach(c, candidates)
        if (n++ < 4) explain(facts, c);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) { /* what was there a moment ago */
        cJSON *gone = cJSON_CreateObject();
        cJSON_AddStringToObject(gone, "of", of);
        cJSON_AddStringToObject(gone, "kind", kinds[i]);
        cJSON_AddStringToObject(gone, "key", s.name);
        explain(facts, gone);
        cJSON_Delete(gone);
    }
    buf_free(&lines);
    cJSON_Delete(candidates);
    cJSON_Delete(facts);
    free(of);
    return 0;
}
