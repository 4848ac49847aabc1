/* The form of an answer that a client prefers, by its Accept. */
#include "services/web/http/accept.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *type;
    enum form form;
} types[] = {{"application/json", FORM_JSON},
             {TYPE_NDJSON, FORM_LINES},
             {"application/ndjson", FORM_LINES},
             {"application/jsonl", FORM_LINES},
             {TYPE_CSV, FORM_CSV}};

/* Of the parameters behind a type; 1 when none is given. */
static double weight_of(const char *parameters, size_t len)
{
    for (const char *p = parameters; len > 0 && (p = memchr(p, ';', len - (size_t)(p - parameters))) != NULL; p++) {
        const char *name = p + 1 + strspn(p + 1, " \t");
        if (strncasecmp(name, "q=", 2) == 0) return strtod(name + 2, NULL);
    }
    return 1;
}

enum form accept_form(const struct req *r)
{
    enum form found = FORM_JSON;
    const char *format = req_arg(r, "format"); /* checked by the route, where it has one */
    if (format && r->query_schema && strstr(r->query_schema, "format?:json|ndjson|csv"))
        return *format == 'c' ? FORM_CSV : *format == 'n' ? FORM_LINES : FORM_JSON;
    double most = 0;
    for (const char *p = req_header(r, "Accept"); p && *p; p += strcspn(p, ","), p += *p == ',') {
        p += strspn(p, " \t");
        size_t all = strcspn(p, ","), len = strcspn(p, " \t,;");
        double weight = weight_of(p + len, all - len);
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            if (strlen(types[i].type) == len && strncasecmp(types[i].type, p, len) == 0 && weight > most) {
                most = weight;
                found = types[i].form;
            }
    }
    return found;
}
