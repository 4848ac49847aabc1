/* See parts_cursor.h. */
#include "services/web/api/parts/parts_cursor.h"

#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#include "services/web/cache/list_more.h"
#include "services/web/http/reply.h"

#define LISTS ((1 << 22) - 1) /* that can be told apart, so that a cursor is a number of JSON (2^53) */

static int64_t bound_of(const char *text)
{
    uint32_t hash[4];
    crypto_generichash((unsigned char *)hash, sizeof hash, (const unsigned char *)text, strlen(text), NULL, 0);
    return (1 + (int64_t)(hash[0] % LISTS)) * LIST_PLACES;
}

static void refuse(struct req *r)
{
    reply_fault(r, 410, "CURSOR_EXPIRED",
                "The cursor counts in a list that has become another one since (a parts list has a new version, or was "
                "read again): begin anew, without a cursor");
}

void parts_list_changed(struct req *r)
{
    if (req_arg(r, "cursor"))
        refuse(r);
    else
        parts_list_changed_whole(r);
}

void parts_list_changed_whole(struct req *r)
{
    reply_unavailable(r, 1,
                      "The list became another one while it was made (a parts list has a new version, or was "
                      "read again): ask again");
}

bool parts_cursor_is_gone(struct req *r, const char *of, int64_t *bound)
{
    const char *text = req_arg(r, "cursor");
    int64_t cursor = text ? strtoll(text, NULL, 10) : 0;
    *bound = bound_of(of);
    if (cursor < LIST_PLACES || cursor - cursor % LIST_PLACES == *bound) return false;
    refuse(r);
    return true;
}
