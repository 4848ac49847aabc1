/* Logikal behind a private authority, and one that asks for a certificate of ours: taken where it is given, else named
 * at once, because waiting would not help. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "tests/support/servers/certificates.h"
#include "tests/support/servers/haproxy.h"

static struct sim_server sim;
static struct certificates certificates;

static void check_says(int port, const char *const settings[], bool works, const char *text)
{
    char url[200], *output = NULL;
    char *env[10] = {url, (char *)"LOGIKAL_AUTH_USERNAME=demo", (char *)"LOGIKAL_AUTH_PASSWORD=demo"};
    const char *path = strstr(sim.base_url + strlen("http://"), "/");
    snprintf(url, sizeof url, "LOGIKAL_API_BASE_URL=https://127.0.0.1:%d%.100s", port, path ? path : "");
    for (int i = 0; settings[i]; i++) env[3 + i] = (char *)(uintptr_t)settings[i];
    char *const argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), (char *)"check", NULL};
    int64_t start_ms = mono_ms();
    process_run(argv, env, &output);
    int64_t took_ms = mono_ms() - start_ms;
    const char *line = strstr(output, works ? "ok       logikal" : "failed   logikal");
    if (!line || !memmem(line, strcspn(line, "\n"), text, strlen(text))) fail_msg("without \"%s\": %s", text, output);
    if (took_ms > 10000) fail_msg("it took %lld ms: %s", (long long)took_ms, output);
    free(output);
}

TEST(test_authorities_and_certificates)
{
    struct haproxy open, closed;
    char words[700], ca[340], cert[340], key[340], stranger[340];
    if (!haproxy_is_installed()) skip();
    snprintf(words, sizeof words, " ssl crt %s", certificates.server);
    haproxy_start_with(&open, sim.port, words);
    snprintf(words, sizeof words, " ssl crt %s ca-file %s verify required", certificates.server, certificates.ca);
    haproxy_start_with(&closed, sim.port, words);
    snprintf(ca, sizeof ca, "LOGIKAL_CA_FILE=%s", certificates.ca);
    snprintf(cert, sizeof cert, "LOGIKAL_CERT_FILE=%s", certificates.client_cert);
    snprintf(key, sizeof key, "LOGIKAL_KEY_FILE=%s", certificates.client_key);
    snprintf(stranger, sizeof stranger, "LOGIKAL_CA_FILE=%s", certificates.stranger_ca);

    check_says(open.port, (const char *const[]){NULL}, false, "LOGIKAL_CA_FILE");
    check_says(open.port, (const char *const[]){stranger, NULL}, false, "LOGIKAL_CA_FILE");
    check_says(open.port, (const char *const[]){"LOGIKAL_CA_FILE=/nowhere.pem", NULL}, false, "/nowhere.pem");
    check_says(open.port, (const char *const[]){ca, NULL}, true, "logged in");
    check_says(closed.port, (const char *const[]){ca, NULL}, false, "LOGIKAL_CERT_FILE");
    check_says(closed.port, (const char *const[]){ca, cert, key, NULL}, true, "logged in");
    haproxy_stop(&open);
    haproxy_stop(&closed);
}

FIXTURE(start)
{
    sim_start(&sim, NULL);
    certificates_make(&certificates);
    return 0;
}

FIXTURE(stop)
{
    sim_stop(&sim);
    return 0;
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_authorities_and_certificates)};
TEST_MAIN(tests, start, stop)
