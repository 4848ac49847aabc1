/* Places of a session, all pairs of a small world: whatever is said of one (its level, its depth, what is inside it,
 * the next step to another, how many there are) is compared with what a plain list of its components says. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "services/logikal/place.h"
#include "tests/support/test.h"

#define COMPONENTS_MAX 6

struct component {
    enum logikal_level level;
    const char *identifier;
};

/* The model: components from the root down. */
struct path {
    struct component components[COMPONENTS_MAX];
    int depth;
};

static const char *const chains[][3] = {{NULL},
                                        {"A"},
                                        {"AB"},
                                        {"Beton"},
                                        {"A", "A/B"},
                                        {"A", "A/C"},
                                        {"A", "A/Be"},
                                        {"A", "A/B", "A/B/D"},
                                        {"A", "A/B", "A/B/long name"},
                                        {"A", "A/C", "A/C/D"},
                                        {"AB", "A/B"}};
static const char *const inside[][3] = {{NULL},          {"p"},           {"q"},          {"pq"},
                                        {"p", "f"},      {"p", "g"},      {"q", "f"},     {"p", "f", "e"},
                                        {"p", "f", "x"}, {"p", "g", "e"}, {"q", "f", "e"}};
#define CHAINS (sizeof chains / sizeof chains[0])
#define INSIDE (sizeof inside / sizeof inside[0])
#define PLACES (CHAINS * INSIDE)

static struct path paths[PLACES];
static struct place places[PLACES];

static void make(struct path *path, struct place *place, const char *const chain[3], const char *const ids[3])
{
    char *text = NULL;
    for (int i = 0; i < 3 && chain[i]; i++) {
        char *longer = chain_append(text, chain[i]);
        free(text);
        text = longer;
        path->components[path->depth++] = (struct component){LEVEL_DIRECTORY, chain[i]};
    }
    for (int i = 0; i < 3 && ids[i]; i++)
        path->components[path->depth++] = (struct component){(enum logikal_level)(LEVEL_PROJECT + i), ids[i]};
    assert_int_equal(place_set(place, text, ids[0], ids[1], ids[0] && ids[1] ? ids[2] : NULL), 0);
    free(text);
}

FIXTURE(make_all)
{
    for (size_t c = 0; c < CHAINS; c++)
        for (size_t i = 0; i < INSIDE; i++) make(&paths[c * INSIDE + i], &places[c * INSIDE + i], chains[c], inside[i]);
    return 0;
}

FIXTURE(clear_all)
{
    for (size_t i = 0; i < PLACES; i++) place_clear(&places[i]);
    return 0;
}

/* How many components they have in common from the root. */
static int common(const struct path *a, const struct path *b)
{
    int n = 0;
    while (n < a->depth && n < b->depth && a->components[n].level == b->components[n].level &&
           strcmp(a->components[n].identifier, b->components[n].identifier) == 0)
        n++;
    return n;
}

static bool is_same(const struct place *a, const struct place *b)
{
    return strcmp(a->chain ? a->chain : "", b->chain ? b->chain : "") == 0 && strcmp(a->project, b->project) == 0 &&
           strcmp(a->phase, b->phase) == 0 && strcmp(a->elevation, b->elevation) == 0;
}

TEST(test_what_a_place_says_of_itself)
{
    for (size_t i = 0; i < PLACES; i++) {
        const struct path *p = &paths[i];
        struct place copy = {0};
        assert_int_equal(place_level(&places[i]), p->depth ? p->components[p->depth - 1].level : LEVEL_ROOT);
        assert_int_equal(place_depth(&places[i]), p->depth);
        assert_int_equal(place_copy(&copy, &places[i]), 0);
        assert_true(is_same(&copy, &places[i]));
        assert_int_equal(place_copy(&copy, &places[0]), 0); /* over another one */
        assert_int_equal(place_level(&copy), LEVEL_ROOT);
        for (size_t k = 0; k < PLACES; k++)
            if (place_contains(&places[i], &places[k]) != (common(p, &paths[k]) == p->depth))
                fail_msg("is %zu inside %zu?", k, i);
    }
}

/* The step that the model takes; is_sideways says which levels allow it. */
static struct step expected(const struct path *at, const struct path *to, const bool is_allowed[LEVEL_COUNT])
{
    int n = common(at, to);
    const struct component *next = &to->components[n];
    if (n == to->depth) return (struct step){.kind = at->depth == n ? STEP_HERE : STEP_NEW_SESSION};
    struct step step = {.kind = STEP_SELECT, .level = next->level, .identifier = next->identifier};
    step.length = strlen(next->identifier);
    if (at->depth == n) return step;
    step.is_sideways = true;
    bool is_sibling = at->depth == n + 1 && at->components[n].level == next->level && is_allowed[next->level];
    return is_sibling ? step : (struct step){.kind = STEP_NEW_SESSION};
}

static void take(struct path *at, const struct step *step, const struct path *to)
{
    int n = at->depth - step->is_sideways;
    at->components[n] = to->components[n];
    at->depth = n + 1;
}

static bool is_same_step(const struct step *a, const struct step *b)
{
    if (a->kind != b->kind || a->kind != STEP_SELECT) return a->kind == b->kind;
    return a->level == b->level && a->is_sideways == b->is_sideways && a->length == b->length &&
           memcmp(a->identifier, b->identifier, a->length) == 0;
}

/* Walks as far as one session comes: how many steps, -1 when the first one needs another session. */
static void walk(size_t from, size_t to, const enum sideways sideways[LEVEL_COUNT], const bool is_allowed[LEVEL_COUNT])
{
    struct path at = paths[from];
    struct place place = {0};
    struct step step, wanted;
    int steps = 0, distance = place_distance(&places[from], &places[to], sideways);
    assert_int_equal(place_copy(&place, &places[from]), 0);
    for (;; steps++) {
        step = place_next_step(&place, &places[to], sideways);
        wanted = expected(&at, &paths[to], is_allowed);
        if (!is_same_step(&step, &wanted))
            fail_msg("from %zu to %zu, step %d: %d %d %.*s", from, to, steps, (int)step.kind, (int)step.level,
                     (int)step.length, step.identifier ? step.identifier : "");
        if (step.kind != STEP_SELECT) break;
        assert_int_equal(place_take_step(&place, &step), 0);
        take(&at, &step, &paths[to]);
        assert_int_equal(place_depth(&place), at.depth);
    }
    assert_int_equal(distance, step.kind == STEP_HERE ? steps : -1);
    if (step.kind == STEP_HERE) assert_true(is_same(&place, &places[to]));
    place_clear(&place);
}

TEST(test_every_way_from_everywhere_to_everywhere)
{
    for (unsigned mode = 0; mode < 1U << (LEVEL_COUNT - 1); mode++) {
        enum sideways sideways[LEVEL_COUNT] = {SIDEWAYS_REFUSED};
        bool is_allowed[LEVEL_COUNT] = {false};
        for (int level = LEVEL_DIRECTORY; level < LEVEL_COUNT; level++) {
            is_allowed[level] = mode >> (level - 1) & 1U;
            sideways[level] = !is_allowed[level] ? SIDEWAYS_REFUSED : level % 2 ? SIDEWAYS_ALLOWED : SIDEWAYS_UNKNOWN;
        }
        for (size_t from = 0; from < PLACES; from++)
            for (size_t to = 0; to < PLACES; to++) walk(from, to, sideways, is_allowed);
    }
}

/* The longest identifier that there is room for, and one letter more, at each level. */
TEST(test_identifiers_that_are_too_long)
{
    char longest[LOGIKAL_ID_SIZE], longer[LOGIKAL_ID_SIZE + 1];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    for (int level = LEVEL_PROJECT; level <= LEVEL_ELEVATION; level++) {
        const char *ids[LEVEL_COUNT] = {NULL, NULL, "p", "f", "e"};
        struct place p = {0};
        ids[level] = longest;
        assert_int_equal(place_set(&p, "A", ids[LEVEL_PROJECT], ids[LEVEL_PHASE], ids[LEVEL_ELEVATION]), 0);
        ids[level] = longer;
        assert_int_equal(place_set(&p, "A", ids[LEVEL_PROJECT], ids[LEVEL_PHASE], ids[LEVEL_ELEVATION]), -1);
        place_clear(&p);
        struct step step = {.kind = STEP_SELECT, .level = (enum logikal_level)level, .identifier = longer};
        step.length = strlen(longer);
        assert_int_equal(place_take_step(&p, &step), -1);
        step.identifier = longest;
        step.length = strlen(longest);
        assert_int_equal(place_take_step(&p, &step), 0);
        assert_int_equal(place_level(&p), level);
        step.length = 3; /* a shorter one over it: as in a chain, where it ends in the middle of a text */
        assert_int_equal(place_take_step(&p, &step), 0);
        const char *all[LEVEL_COUNT] = {NULL, NULL, p.project, p.phase, p.elevation};
        assert_string_equal(all[level], "xxx");
        place_clear(&p);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_a_place_says_of_itself),
    cmocka_unit_test(test_every_way_from_everywhere_to_everywhere),
    cmocka_unit_test(test_identifiers_that_are_too_long),
};
TEST_MAIN(tests, make_all, clear_all)
