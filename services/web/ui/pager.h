/* The way through a list that is longer than a page, whose pages are found by cursors. A cursor leads on, not back: so
 * the cursors of the pages before go along in the query ("trail"), and "Newer" shows what was seen there. */
#ifndef LOGIKALD_SERVICES_WEB_UI_PAGER_H
#define LOGIKALD_SERVICES_WEB_UI_PAGER_H

#include <cjson/cJSON.h>

#include "services/web/http/req.h"

struct pager {
    const char *query; /* what the pages' addresses have in common: "a=b&", or "" */
    const char *name;  /* the argument with this page's cursor */
    const char *next;  /* the cursor of the page behind it; NULL or "" = this is the last one */
    const char *at;    /* the place in the page: "#who", or "" */
};

/* "pager" in to, for pager.html: {newest, newer, older, at}; of the addresses those that there are. */
void pager_add(cJSON *to, const struct req *r, const struct pager *p);

#endif
