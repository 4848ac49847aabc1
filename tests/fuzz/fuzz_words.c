/* Small texts of requests, settings and answers, each with a reader of its own; the first byte chooses: cursors of the
 * journal, names of a dry run, URLs of webhooks, addresses and networks, GUIDs, targets of probes, times, languages.
 * short run: 15000 */
#include <ctype.h>
#include <strings.h>

#include "conf/clock.h"
#include "conf/text/address.h"
#include "conf/text/guid.h"
#include "conf/text/utf8.h"
#include "services/feed/post.h"
#include "services/tasks/dry_run_name.h"
#include "services/web/api/feed/change_cursor.h"
#include "services/web/http/render/language.h"
#include "supervisor/child/probe.h"
#include "tests/fuzz/fuzz.h"

/* A cursor is digits, hyphens and a snapshot, and moves to another place without becoming something else. */
static void read_cursor(const char *text)
{
    struct change_cursor c = {0};
    if (!change_cursor_read(&c, text)) return;
    for (int i = 0; i < 4; i++) PROMISE(*c.place[i] && strspn(c.place[i], "0123456789") == strlen(c.place[i]));
    PROMISE(!c.snapshot || strspn(c.snapshot, "0123456789:,") == strlen(c.snapshot));
    PROMISE(strspn(text, "0123456789-~:,") == strlen(text));
    struct change_cursor before = c;
    change_cursor_move(&c, text);
    PROMISE(memcmp(before.place, c.place, sizeof c.place) == 0);
    change_cursor_move(&c, "1-2-3-4");
    PROMISE(strcmp(c.place[0], "1") == 0 && (!c.snapshot || c.snapshot == before.snapshot));
}

static void read_types(const char *text)
{
    bool is_known = change_types_are_known(text);
    if (is_known && *text) PROMISE(strspn(text, "abcdefghijklmnopqrstuvwxyz_,") == strlen(text));
    if (is_known && !strchr(text, ',') && *text) PROMISE(change_types_have(text, text));
}

/* Whatever means a dry run has its letters, in order, and nothing but what may stand between them. */
static void read_dry_run(const char *text)
{
    char letters[8] = "";
    size_t n = 0;
    bool is_odd = false;
    for (const char *p = text; *p; p++) {
        if (*p == '_' || *p == '-') continue;
        is_odd = is_odd || n == 6;
        if (n < 6) letters[n++] = (char)tolower((unsigned char)*p);
    }
    PROMISE(dry_run_is_meant(text) == (!is_odd && strcmp(letters, "dryrun") == 0));
}

static void check_url(const char *text)
{
    struct err err = {0};
    int rc = post_check_url(text, "127.0.0.0/8", &err);
    PROMISE(rc <= 0 && (rc == 0 || (*err.text && utf8_is_valid(err.text, strlen(err.text)))));
    if (rc != 0) return;
    PROMISE(strncasecmp(text, "http", 4) == 0 && !strpbrk(text, " \r\n\t") && strstr(text, "://"));
    for (const char *p = text; *p; p++) PROMISE((unsigned char)*p > ' ' && *p != 0x7f);
}

/* What was read is printed, and read again the same; a list of it has it. */
static void read_address(const char *text, size_t len)
{
    struct address a, again;
    char shown[ADDRESS_TEXT], group[ADDRESS_TEXT];
    if (address_parse(text, len, &a)) {
        address_print(&a, shown);
        PROMISE(address_parse(shown, strlen(shown), &again) && memcmp(&a, &again, sizeof a) == 0);
        PROMISE(address_is_listed(shown, &a));
        address_group_print(shown, group);
        struct address whole = address_group(&a), twice = address_group(&whole);
        PROMISE(*group && memcmp(&whole, &twice, sizeof whole) == 0);
    }
    struct address here = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}};
    address_is_listed(text, &here);
}

static void read_guid(const char *text)
{
    char key[GUID_SIZE], again[GUID_SIZE];
    PROMISE(guid_equal(text, text));
    if (!guid_key(text, key)) return;
    PROMISE(strlen(key) == GUID_SIZE - 1 && guid_key(key, again) && strcmp(key, again) == 0 && guid_equal(text, key));
}

static size_t plain_letters(const char *text)
{
    size_t n = 0;
    for (; *text; text++) n += !strchr(" \t'\"", *text);
    return n;
}

/* Nothing of what is taken is left out: not the end of a path, and not a word of a command. */
static void read_target(const char *text, unsigned kind)
{
    static const enum program_ready kinds[] = {READY_TCP, READY_HTTP, READY_UNIX, READY_COMMAND};
    struct probe_target target;
    struct err err = {0};
    int rc = probe_target_parse(kinds[kind % 4], text, &target, &err);
    PROMISE(rc <= 0 && (rc == 0 || err.text[0]));
    size_t kept = 0, len = strlen(text), path_len = strlen(target.path);
    for (char **word = target.command; rc == 0 && word && *word; word++) kept += plain_letters(*word);
    if (rc == 0 && kinds[kind % 4] == READY_COMMAND) PROMISE(kept == plain_letters(text));
    if (rc == 0 && kinds[kind % 4] == READY_HTTP)
        PROMISE(strchr(text, '/') ? path_len <= len && strcmp(text + len - path_len, target.path) == 0
                                  : strcmp(target.path, "/") == 0);
    probe_target_free(&target);
}

static void read_time(const char *text)
{
    char shown[CLOCK_TEXT_SIZE];
    int64_t us, again;
    if (clock_parse_iso_loose(text, &us) != 0) {
        PROMISE(clock_parse_iso(text, &us) != 0);
        return;
    }
    if (clock_parse_iso(text, &us) != 0) return;
    clock_iso_us(us, shown);
    PROMISE(us < 0 || (clock_parse_iso(shown, &again) == 0 && again == us));
}

static void read_language(const char *text)
{
    char name[LANGUAGE_SIZE] = "";
    if (language_preferred(text, name)) PROMISE(strcmp(name, "en") == 0 || strcmp(name, "de") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    char *text = fuzz_text(data + 1, size - 1);
    switch (data[0] % 16) {
    case 0: read_cursor(text); break;
    case 1: read_types(text); break;
    case 2: read_dry_run(text); break;
    case 3: check_url(text); break;
    case 4: read_address(text, strlen(text)); break;
    case 5: read_guid(text); break;
    case 6: read_time(text); break;
    case 7: read_language(text); break;
    default: read_target(text, data[0]); break;
    }
    free(text);
    return 0;
}
