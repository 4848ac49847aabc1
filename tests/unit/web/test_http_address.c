/* Addresses as headers and sockets have them: read, printed in one form, grouped, and found in lists. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "conf/text/address.h"
#include "tests/support/test.h"

TEST(test_every_form_is_one_address)
{
    static const struct {
        const char *text, *printed; /* NULL: none */
    } rows[] = {
        {"203.0.113.5", "203.0.113.5"},
        {" 203.0.113.5\t", "203.0.113.5"},
        {"203.0.113.5:4711", "203.0.113.5"},
        {"\"203.0.113.5:4711\"", "203.0.113.5"},
        {"::ffff:203.0.113.5", "203.0.113.5"},
        {"[::ffff:203.0.113.5]:80", "203.0.113.5"},
        {"2001:db8::1", "2001:db8::1"},
        {"2001:DB8:0:0::1", "2001:db8::1"},
        {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"[2001:db8::1]:4711", "2001:db8::1"},
        {"\"[2001:db8::1]:4711\"", "2001:db8::1"},
        {"fe80::1%eth0", "fe80::1"},
        {"", NULL},
        {"unknown", NULL},
        {"_hidden", NULL},
        {"localhost", NULL},
        {"203.0.113", NULL},
        {"203.0.113.5.6", NULL},
        {"203.0.113.256", NULL},
        {"203.0.113.5:", NULL},
        {"203.0.113.5:x", NULL},
        {"203.0.113.5:123456", NULL},
        {"[2001:db8::1", NULL},
        {"[2001:db8::1]x", NULL},
        {"[2001:db8::1]:", NULL},
        {"2001:db8::1::2", NULL},
        {"203.0.113.5 203.0.113.6", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct address a;
        char out[ADDRESS_TEXT] = "";
        bool is_one = address_parse(rows[i].text, strlen(rows[i].text), &a);
        if (is_one) address_print(&a, out);
        if (is_one != (rows[i].printed != NULL) || strcmp(out, rows[i].printed ? rows[i].printed : "") != 0)
            fail_msg("%s: %d %s", rows[i].text, is_one, out);
    }
}

TEST(test_one_household_is_one_group)
{
    static const struct {
        const char *text, *group;
    } rows[] = {
        {"203.0.113.5", "203.0.113.5"},
        {"::ffff:203.0.113.5", "203.0.113.5"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
        {"2001:db8:1:2::", "2001:db8:1:2::"},
        {"2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::"},
        {"2001:db8:1:3::1", "2001:db8:1:3::"},
        {"unix", "unix"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[ADDRESS_TEXT];
        address_group_print(rows[i].text, out);
        assert_string_equal(out, rows[i].group);
    }
}

TEST(test_a_list_holds_addresses_and_networks)
{
    static const char list[] = "10.0.0.0/8, 192.0.2.7,2001:db8::/32 , ::1, bad, 172.16.0.0/, 1.2.3.4/33, /8";
    static const struct {
        const char *text;
        bool is_in;
    } rows[] = {
        {"10.0.0.1", true},
        {"10.255.255.255", true},
        {"11.0.0.0", false},
        {"192.0.2.7", true},
        {"192.0.2.8", false},
        {"2001:db8::1", true},
        {"2001:db9::1", false},
        {"::1", true},
        {"::2", false},
        {"172.16.0.1", false},
        {"1.2.3.4", false},
        {"::ffff:10.1.1.1", true},
        {"[2001:db8::1]:9", true},
        {"0.0.0.0", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct address a;
        assert_true(address_parse(rows[i].text, strlen(rows[i].text), &a));
        if (address_is_listed(list, &a) != rows[i].is_in) fail_msg("%s", rows[i].text);
        assert_false(address_is_listed("", &a));
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_form_is_one_address),
    cmocka_unit_test(test_one_household_is_one_group),
    cmocka_unit_test(test_a_list_holds_addresses_and_networks),
};
TEST_MAIN(tests, NULL, NULL)
