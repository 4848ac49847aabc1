/* What the small rooms of conf make of texts, either side of each bound: tests/fixtures/shown/texts.txt has a row for
 * each, "WHAT TEXT", and what becomes of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/conf.h"
#include "conf/conf_internal.h"
#include "conf/crontab.h"
#include "conf/text/address.h"
#include "conf/text/buf.h"
#include "conf/text/fact.h"
#include "conf/text/guid.h"
#include "conf/text/hide.h"
#include "conf/text/utf8.h"
#include "tests/support/answers/shown.h"
#include "tests/support/support.h"

/* "KEY VALUE": what a setting takes it for. */
static void of_setting(struct buf *out, const char *text)
{
    char value[9000], *copy = strdup(text), *rest = copy, *key = strsep(&rest, " ");
    struct err err = {0};
    int id = setting_by_key(key);
    if (id < 0) fail_msg("no setting %s", key);
    if (setting_check((enum setting_id)id, rest ? rest : "", value, sizeof value, &err) == 0)
        buf_printf(out, "\"%s\"", value);
    else
        buf_str(out, err.text);
    free(copy);
}

/* A configuration file: what is wrong with it, or what of it is handed on. */
static void of_file(struct buf *out, const char *text)
{
    char path[40];
    struct err err = {0};
    int fd = memfd_create("conf", MFD_CLOEXEC);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct conf *conf = conf_load(&(struct conf_paths){.file = path}, &err);
    if (conf)
        conf_write_file(conf, ~0u, true, out);
    else
        buf_str(out, strchr(err.text, ':') && strncmp(err.text, path, strlen(path)) == 0 ? err.text + strlen(path)
                                                                                         : err.text);
    conf_free(conf);
    close(fd);
}

/* The next three times, from 2023-11-14T22:13:20Z on. */
static void of_crontab(struct buf *out, const char *text)
{
    struct crontab c;
    struct err err = {0};
    char at[CLOCK_TEXT_SIZE];
    int64_t now = 1700000000;
    if (crontab_parse(text, &c, &err) != 0) buf_str(out, err.text);
    for (int i = 0; !err.text[0] && i < 3; i++) {
        now = crontab_next(&c, now);
        buf_printf(out, "%s ", now > 0 ? clock_iso_ms(now * 1000, at) : "never");
    }
}

static void of_address(struct buf *out, const char *text)
{
    struct address a, group;
    char one[ADDRESS_TEXT], all[ADDRESS_TEXT], printed[ADDRESS_TEXT];
    if (!address_parse(text, strlen(text), &a)) {
        buf_str(out, "none");
        return;
    }
    group = address_group(&a);
    address_print(&a, one);
    address_print(&group, all);
    address_group_print(one, printed);
    buf_printf(out, "%s, of %s, %s", one, all, printed);
}

/* "LIST ADDRESS" */
static void of_list(struct buf *out, const char *text)
{
    char entry[ADDRESS_ENTRY], *copy = strdup(text), *blank = strrchr(copy, ' ');
    struct address a;
    *blank = 0;
    assert_true(address_parse(blank + 1, strlen(blank + 1), &a));
    if (address_list_is_sound(copy, entry))
        buf_str(out, address_is_listed(copy, &a) ? "listed" : "not listed");
    else
        buf_printf(out, "not sound: %s", entry);
    free(copy);
}

static void of_time(struct buf *out, const char *text)
{
    int64_t us = 0;
    char at[CLOCK_TEXT_SIZE];
    for (int loose = 0; loose < 2; loose++) {
        int rc = loose ? clock_parse_iso_loose(text, &us) : clock_parse_iso(text, &us);
        buf_printf(out, "%s%s", loose ? ", loosely " : "", rc == 0 ? clock_iso_us(us, at) : "none");
    }
}

static void of_span(struct buf *out, const char *text)
{
    char span[SPAN_TEXT_SIZE];
    buf_str(out, span_text(strtod(text, NULL), span));
}

static void of_secret(struct buf *out, const char *text)
{
    buf_str(out, hide_is_secret_name(text) ? "a secret's name; " : "");
    hide_secrets(out, text, false);
    buf_str(out, " | ");
    hide_secrets(out, text, true);
}

static void of_guid(struct buf *out, const char *text)
{
    char key[GUID_SIZE];
    buf_str(out, guid_key(text, key) ? key : "none");
}

/* "BYTES TEXT": cut there; how many characters it has. */
static void of_cut(struct buf *out, const char *text)
{
    char *end;
    size_t most = strtoul(text, &end, 10);
    buf_printf(out, "%zu of %zu, %s", utf8_cut(end + 1, most), utf8_length(end + 1),
               utf8_is_valid(end + 1, strlen(end + 1)) ? "valid" : "not valid");
}

static char *made_of(const char *request)
{
    static const struct {
        const char *what;
        void (*fn)(struct buf *out, const char *text);
    } kinds[] = {{"set", of_setting}, {"file", of_file}, {"cron", of_crontab}, {"address", of_address},
                 {"list", of_list},   {"time", of_time}, {"span", of_span},    {"hide", of_secret},
                 {"guid", of_guid},   {"cut", of_cut}};
    size_t len = strcspn(request, " ");
    struct buf out = {0};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strlen(kinds[i].what) == len && strncmp(kinds[i].what, request, len) == 0)
            kinds[i].fn(&out, request[len] ? request + len + 1 : "");
    if (!out.data) fail_msg("%s: nothing is made of it", request);
    buf_char(&out, '\n');
    return out.data;
}

TEST(test_texts_become_what_they_are_to_be)
{
    shown_check("texts.txt", 0, made_of);
}

static bool is_file(const char *path, void (*print)(FILE *out))
{
    char *text = NULL, *file = support_read_file(path);
    size_t size;
    FILE *out = open_memstream(&text, &size);
    print(out);
    assert_int_equal(fclose(out), 0);
    bool is_same = strcmp(text, file) == 0;
    free(text);
    free(file);
    return is_same;
}

TEST(test_the_settings_are_printed_as_the_documents_have_them)
{
    assert_true(is_file("conf/logikald.cfg", settings_print_cfg));
    assert_true(is_file("docs/configuration.md", settings_print_markdown));
}

int main(void)
{
    bool is_write = getenv("SHOWN_WRITE") != NULL;
    clearenv(); /* settings come from nowhere else */
    setenv("HOME", "/home/x", 1);
    if (is_write) setenv("SHOWN_WRITE", "1", 1);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts_become_what_they_are_to_be),
                                       cmocka_unit_test(test_the_settings_are_printed_as_the_documents_have_them)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
