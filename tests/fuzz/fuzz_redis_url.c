/* REDIS_URL, and the text that is shown of it: no user, no password. */
#include "ipc/redis/redis_url.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), shown[REDIS_URL_SHOWN_SIZE];
    struct err err = {0};
    struct redis_url url;
    int rc = redis_url_parse(text, &url, &err);
    PROMISE(rc <= 0 && (rc == 0 || err.text[0]));
    if (rc == 0) {
        PROMISE(url.sentinels.hosts[0]        ? !url.host[0] && !url.path[0]
                : url.transport == REDIS_UNIX ? url.path[0] == '/'
                                              : url.host[0] && url.port > 0 && url.port < 65536);
        PROMISE(url.db >= 0);
        const char *s = redis_url_shown(&url, shown, sizeof shown);
        PROMISE(strlen(s) < sizeof shown);
        struct redis_url again;
        PROMISE(url.is_unverified || url.ca_file[0] || redis_url_parse(s, &again, &err) == 0);
    } else if (strlen(text) > 24) {
        /* the error shows no password: nothing long of what stands before an @ */
        const char *at = strrchr(text, '@'), *slashes = strstr(text, "//");
        if (at && slashes && at - slashes > 18) {
            char secret[17];
            memcpy(secret, at - 16, 16);
            secret[16] = 0;
            PROMISE(strlen(secret) < 16 || !strstr(err.text, secret));
        }
    }
    free(text);
    return 0;
}
