/* The page that tells why something is as it is. The chain is laid out as a flat list of rows, each with its depth, as
 * a template sees the members of outer objects, too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/http.h>

#include "conf/text/json.h"
#include "services/web/gate/handlers.h"
#include "services/web/jobs/why_link.h"
#include "services/web/ui/page.h"
#include "services/why/subject.h"

#define DEPTH_SHOWN 6 /* as ui.css knows them */

static const struct ui_look look = {"why", "why", "Why?", "intervals runs queues children stores verdict objects"};

static void add_text(cJSON *row, const cJSON *link, const char *member)
{
    const char *text = json_text(link, member);
    cJSON_AddStringToObject(row, member, text ? text : "");
}

static void add_rows(cJSON *rows, const cJSON *link, int depth)
{
    static const char *const members[] = {"state", "what", "since", "next", "next_at"};
    const cJSON *cause, *advice = json_member(link, "do");
    cJSON *row = cJSON_CreateObject();
    for (int i = 0; i < 5; i++) add_text(row, link, members[i]);
    cJSON_AddNumberToObject(row, "depth", depth < DEPTH_SHOWN ? depth : DEPTH_SHOWN);
    cJSON_AddBoolToObject(row, "is_cause", depth > 0);
    cJSON_AddItemToObject(row, "do", cJSON_Duplicate(advice, true));
    cJSON_AddItemToArray(rows, row);
    cJSON_ArrayForEach(cause, json_member(link, "because")) add_rows(rows, cause, depth + 1);
}

static void add_candidates(cJSON *data, const cJSON *candidates)
{
    cJSON *list = cJSON_AddArrayToObject(data, "candidates");
    const cJSON *each;
    cJSON_ArrayForEach(each, candidates) {
        cJSON *one = cJSON_Duplicate(each, true);
        const char *of = json_text(each, "of");
        char *encoded = evhttp_uriencode(of, (ev_ssize_t)strlen(of), false);
        cJSON_AddStringToObject(one, "link", encoded ? encoded : "");
        free(encoded);
        if (!json_text(one, "way")) cJSON_AddStringToObject(one, "way", json_text(each, "name"));
        cJSON_AddItemToArray(list, one);
    }
}

static void show(struct req *r, const struct why_answer *answer)
{
    const char *of = req_arg(r, "of");
    struct ui_page *p = ui_page_new(r, &look);
    cJSON *data = ui_page_data(p);
    cJSON_AddStringToObject(data, "of", of ? of : "");
    cJSON_AddBoolToObject(data, "is_one", answer && answer->chain);
    cJSON_AddBoolToObject(data, "is_many", answer && !answer->chain && answer->candidates->child);
    if (answer && answer->chain) {
        add_rows(cJSON_AddArrayToObject(data, "links"), json_member(answer->chain, "chain"), 0);
        add_text(data, answer->chain, "name");
        add_text(data, answer->chain, "kind");
        add_text(data, answer->chain, "state");
        cJSON_AddStringToObject(data, "about", json_text(answer->chain, "name"));
    } else if (answer && answer->candidates->child) {
        add_candidates(data, answer->candidates);
        cJSON_AddBoolToObject(data, "is_cut", subject_is_cut(answer->candidates));
    } else if (answer) {
        cJSON_AddStringToObject(data, "unknown", answer->unknown);
    }
    ui_page_go(p);
}

void web_ui_why(struct req *r)
{
    const char *of = req_arg(r, "of");
    if (of && *of)
        why_link_ask(r, of, false, show);
    else
        show(r, NULL);
}
