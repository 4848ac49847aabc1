/* DATABASE_URL as somebody writes it who forgets to encode a password: either it is refused, with an error that shows
 * nothing of it, or all of the password is the password, and no other option (which libpq's messages quote) has a piece
 * of it. The first byte chooses between a whole URL and a password in one. */
#include "services/store/db/database_url.h"

#include "tests/fuzz/fuzz.h"

#define HOST "host.example"

static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
    for (; options->keyword; options++)
        if (strcmp(options->keyword, keyword) == 0) return options->val ? options->val : "";
    return "";
}

static void check_password(const char *password)
{
    char url[4096];
    struct err err = {0};
    if (snprintf(url, sizeof url, "postgresql://u:%s@" HOST ":5432/d", password) >= (int)sizeof url) return;
    PQconninfoOption *options = database_url_parse(url, &err);
    if (!options) {
        struct err same = {0};
        database_url_parse("postgresql://u:another@:x/", &same);
        PROMISE(err.text[0] && strcmp(err.text, same.text) == 0); /* so it shows nothing of either */
        return;
    }
    /* "5432/d?user=x" in place of a password makes a URL that could be meant */
    if (strchr(password, '?') && (strstr(password, "user=") || strstr(password, "password="))) {
        PQconninfoFree(options);
        return;
    }
    PROMISE(strcmp(value_of(options, "host"), HOST) == 0 && strcmp(value_of(options, "port"), "5432") == 0);
    PROMISE(strcmp(value_of(options, "user"), "u") == 0 && strcmp(value_of(options, "dbname"), "d") == 0);
    PROMISE(strchr(password, '%') || strcmp(value_of(options, "password"), password) == 0);
    PQconninfoFree(options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    char *text = fuzz_text(data + 1, size - 1);
    struct err err = {0};
    if (data[0] % 2) {
        check_password(text);
    } else {
        PQconninfoOption *options = database_url_parse(text, &err);
        PROMISE(options || err.text[0]);
        PQconninfoFree(options);
    }
    free(text);
    return 0;
}
