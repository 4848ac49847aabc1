/* Directories, projects, phases and elevations: cached lists, single objects, exclusions from the sync, images. */
#include <string.h>

#include "services/store/web/directories_read.h"
#include "services/store/web/objects_read.h"
#include "services/web/cache/cache.h"
#include "services/web/cache/list.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"

#define TABLES_LISTS (TABLES_TREE | TABLE(INTERVALS))

/* ---- directories ---- */

void web_directories_cached(struct req *r)
{
    list_reply(r, &query_directories_page, NULL, TABLE(DIRECTORIES) | TABLE(INTERVALS));
}

void web_directories_list(struct req *r)
{
    list_reply(r, &query_directories_page, NULL, TABLE(DIRECTORIES) | TABLE(INTERVALS));
}

void web_directories_syncable(struct req *r)
{
    list_reply(r, &query_directories_syncable, NULL, TABLE(DIRECTORIES) | TABLE(INTERVALS));
}

void web_directory_get(struct req *r)
{
    cache_json(r, &query_directory_get, 1, (const char *[]){req_param(r, 0)}, TABLE(DIRECTORIES),
               "Directory not found");
}

static void then_excluded(struct req *r, const PGresult *result)
{
    if (PQntuples(result) == 0 || PQgetisnull(result, 0, 0))
        reply_detail(r, 400, "There is no such directory");
    else
        reply_json(r, 200, PQgetvalue(result, 0, 0));
}

void web_directory_exclude(struct req *r)
{
    const char *values[] = {req_param(r, 0), req_body_text(r, "exclude")};
    req_query(r, &query_directory_exclude, 2, values, then_excluded);
}

void web_directories_exclude(struct req *r)
{
    const char *values[] = {req_body_text(r, "directory_ids"), req_body_text(r, "exclude")};
    req_json(r, &query_directories_exclude, 2, values, NULL);
}

/* ---- projects and phases ---- */

void web_projects_cached(struct req *r)
{
    const char *directory = req_arg(r, "directory_id");
    list_reply(r, directory ? &query_projects_of_directory : &query_projects_page, directory, TABLES_LISTS);
}

void web_projects_list(struct req *r)
{
    list_reply(r, &query_projects_page, NULL, TABLES_LISTS);
}

void web_project_get(struct req *r)
{
    cache_json(r, &query_project_get, 1, (const char *[]){req_param(r, 0)}, TABLES_LISTS, "Project not found");
}

void web_phases_cached(struct req *r)
{
    const char *project = req_arg(r, "project_id");
    list_reply(r, project ? &query_phases_of_project : &query_phases_page, project, TABLES_LISTS);
}

/* ---- elevations ---- */

void web_elevations_cached(struct req *r)
{
    const char *phase = req_arg(r, "phase_id");
    list_reply(r, phase ? &query_elevations_of_phase : &query_elevations_page, phase, TABLES_LISTS);
}

void web_elevation_get(struct req *r)
{
    cache_json(r, &query_elevation_get, 1, (const char *[]){req_param(r, 0)}, TABLES_PARTS, "Elevation not found");
}

void web_elevation_enrichment(struct req *r)
{
    cache_json(r, &query_elevation_enrichment, 1, (const char *[]){req_param(r, 0)}, TABLES_PARTS,
               "Elevation not found");
}

void web_enrichment_status(struct req *r)
{
    cache_json(r, &query_enrichment_status, 0, NULL, TABLES_PARTS, NULL);
}

/* What the bytes themselves say. What the upstream declared counts for nothing: whatever is none of these is a
 * download, which no browser takes for a page. */
static const char *image_type(const char *bytes, size_t len)
{
    static const struct {
        const char *type, *start;
        size_t len;
    } known[] = {{"image/png", "\x89PNG\r\n\x1a\n", 8},
                 {"image/jpeg", "\xff\xd8\xff", 3},
                 {"image/gif", "GIF87a", 6},
                 {"image/gif", "GIF89a", 6},
                 {"image/bmp", "BM", 2}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (len >= known[i].len && memcmp(bytes, known[i].start, known[i].len) == 0) return known[i].type;
    return NULL;
}

static void then_image(struct req *r, const PGresult *result)
{
    if (PQntuples(result) == 0 || PQgetisnull(result, 0, 0)) {
        reply_detail(r, 404, "%s not found", PQntuples(result) == 0 ? "Elevation" : (const char *)r->state);
        return;
    }
    const char *etag = PQgetvalue(result, 0, 2);
    size_t len = (size_t)PQgetlength(result, 0, 0);
    const char *type = image_type(PQgetvalue(result, 0, 0), len);
    reply_header(r, "Cache-Control", "private, max-age=300");
    reply_header(r, "Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'");
    if (!type) reply_header(r, "Content-Disposition", "attachment; filename=\"image.bin\"");
    if (*etag && reply_unchanged(r, etag)) return;
    reply_bytes(r, 200, type ? type : "application/octet-stream", PQgetvalue(result, 0, 0), len);
}

void web_elevation_image(struct req *r)
{
    r->state = (void *)"Image";
    req_query(r, &query_elevation_image, 1, (const char *[]){req_param(r, 0)}, then_image);
}

void web_elevation_thumbnail(struct req *r)
{
    r->state = (void *)"Thumbnail";
    req_query(r, &query_elevation_image, 1, (const char *[]){req_param(r, 0)}, then_image);
}
