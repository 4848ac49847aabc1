/* Who buys and builds what the elevations are: opens a phase and an elevation of it by chance, as an ERP does, and asks
 * for its bill of materials, its table and lines (bills), for the file itself (files) or for its picture (pictures).
 * A file's bytes must have the hash that its ETag says, a picture be a PNG; what was not fetched or read yet waits. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "tests/load/client.h"

enum { VISITS = 8 }; /* of the elevations of one phase, before another one is opened */

struct place { /* where it is */
    int phase, project;
    int elevations[100];
    int count, visits;
};

static int number_of(const cJSON *row, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(row, name);
    return cJSON_IsNumber(value) ? value->valueint : 0;
}

/* Lists are for finding the way, and count as reads. */
static cJSON *list_of(struct load_client *c, const char *path)
{
    struct load_client reader = *c;
    struct call call = {.method = "GET", .path = path, .access = FOR_CLIENTS, .who = CLIENT};
    reader.count = &c->load->shared->of[LOAD_READER];
    return client_json(&reader, &call);
}

static void open_phase(struct load_client *c, struct place *at)
{
    char path[200];
    const cJSON *row;
    *at = (struct place){0};
    cJSON *phases = list_of(c, "/api/v1/phases/cached");
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(phases, "data");
    int count = cJSON_GetArraySize(rows);
    row = count > 0 ? cJSON_GetArrayItem(rows, (int)client_random(c, (uint64_t)count)) : NULL;
    at->phase = number_of(row, "id");
    at->project = number_of(row, "project_id");
    cJSON_Delete(phases);
    if (!at->phase) return;
    snprintf(path, sizeof path, "/api/v1/elevations/cached?phase_id=%d&limit=100", at->phase);
    cJSON *elevations = list_of(c, path);
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(elevations, "data")) {
        if (at->count < 100) at->elevations[at->count++] = number_of(row, "id");
    }
    cJSON_Delete(elevations);
}

static void choose_bill(struct load_client *c, const struct place *at, int elevation, char *path, size_t size)
{
    static const char *const of_elevation[] = {"bom", "parts", "parts/Articles", "versions", "enrichment", "bom"};
    size_t i = client_random(c, 16);
    if (i == 0)
        snprintf(path, size, "/api/v1/projects/%d/bom", at->project);
    else if (i <= 2)
        snprintf(path, size, "/api/v1/phases/%d/bom", at->phase);
    else
        snprintf(path, size, "/api/v1/elevations/%d/%s", elevation, of_elevation[i % 6]);
}

static bool says_hash(const char *headers, const char *hex)
{
    for (const char *p = headers; p; p = (p = strchr(p, '\n')) ? p + 1 : NULL)
        if (strncasecmp(p, "etag:", 5) == 0) return strncmp(p + 5 + strcspn(p + 5, "\""), hex, 66) == 0;
    return false;
}

static void check_file(struct load_client *c, const char *path, const struct http_reply *reply)
{
    unsigned char digest[32];
    char hex[67] = "\"";
    EVP_Digest(reply->body, reply->size, digest, NULL, EVP_sha256(), NULL);
    for (int i = 0; i < 32; i++) snprintf(hex + 1 + 2 * i, 3, "%02x", digest[i]);
    strcat(hex, "\"");
    if (reply->size < 16 || memcmp(reply->body, "SQLite format 3", 16) != 0 || !says_hash(reply->headers, hex))
        client_complain(c, "%s: %zu bytes with the hash %s are not what %.200s says", path, reply->size, hex,
                        reply->headers);
}

static void ask(struct load_client *c, const struct place *at)
{
    char path[200];
    int elevation = at->elevations[client_random(c, (uint64_t)at->count)];
    if (c->kind == LOAD_BILLS)
        choose_bill(c, at, elevation, path, sizeof path);
    else
        snprintf(path, sizeof path, "/api/v1/elevations/%d/%s", elevation,
                 c->kind == LOAD_FILES ? "parts-list" : "thumbnail");
    struct call call = {
        .method = "GET", .path = path, .access = FOR_CLIENTS, .who = CLIENT, .may_wait = true, .may_be_gone = true};
    struct http_reply reply = client_call(c, &call);
    if (reply.status == 200 && c->kind == LOAD_FILES) check_file(c, path, &reply);
    if (reply.status == 200 && c->kind == LOAD_PICTURES && (reply.size < 8 || memcmp(reply.body, "\x89PNG", 4) != 0))
        client_complain(c, "%s: %zu bytes are no PNG", path, reply.size);
    if (reply.status == 200 && c->kind == LOAD_BILLS) {
        cJSON *json = cJSON_Parse(reply.body);
        if (!json) client_complain(c, "%s is not JSON: %.200s", path, reply.body);
        cJSON_Delete(json);
    }
    http_reply_free(&reply);
}

int buyer_run(struct load_client *c)
{
    struct place at = {0};
    for (; !client_is_over(c); client_pause(c)) {
        if (at.count == 0 || at.visits++ % VISITS == 0) open_phase(c, &at);
        if (at.count > 0) ask(c, &at);
    }
    return 0;
}
