/* The notation of schema.h taken apart, for checking and for printing. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_SCHEMA_SCHEMA_INTERNAL_H
#define LOGIKALD_SERVICES_WEB_HTTP_SCHEMA_SCHEMA_INTERNAL_H

#include "services/web/http/schema/schema.h"

#define SCHEMA_DEPTH_MAX 32

enum schema_kind { SCHEMA_WORD, SCHEMA_LIST, SCHEMA_MAP, SCHEMA_OBJECT, SCHEMA_ENUM };
struct schema_type {
    enum schema_kind kind;
    const char *text;  /* where it begins */
    const char *inner; /* of a list or map */
    char word[48];
    bool has_min, has_max;
    double min, max;
};

/* Reads the type at *p and moves past it (and past its range). */
void schema_type_read(const char **p, struct schema_type *out);

#endif
