/* Compares a path with a pattern of the route table, and takes the parameters out. */
#include "services/web/gate/pattern.h"

#include <string.h>

static bool are_digits(struct framing_text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (t.text[i] < '0' || t.text[i] > '9') return false;
    return t.len <= 9;
}

static struct framing_text segment(struct framing_text path, bool is_rest)
{
    const char *slash = is_rest ? NULL : memchr(path.text, '/', path.len);
    return (struct framing_text){path.text, slash ? (size_t)(slash - path.text) : path.len};
}

static struct framing_text after(struct framing_text path, size_t len)
{
    return (struct framing_text){path.text + len, path.len - len};
}

bool pattern_matches(const char *pattern, struct framing_text path, struct framing_text params[PATTERN_PARAMS_MAX],
                     int *count)
{
    int n = 0;
    while (*pattern) {
        if (*pattern != '{') {
            if (*pattern == '/' && !pattern[1] && path.len == 0) break;
            if (path.len == 0 || *pattern != *path.text) return false;
            pattern++;
            path = after(path, 1);
            continue;
        }
        const char *name_end = strchr(pattern, '}');
        bool is_number = name_end - pattern > 4 && strncmp(name_end - 4, ":int", 4) == 0;
        bool is_rest = name_end - pattern > 5 && strncmp(name_end - 5, ":path", 5) == 0;
        struct framing_text t = segment(path, is_rest);
        if (t.len == 0 || n == PATTERN_PARAMS_MAX || (is_number && !are_digits(t))) return false;
        params[n++] = t;
        path = after(path, t.len);
        pattern = name_end + 1;
    }
    *count = n;
    return path.len == 0 || (path.len == 1 && *path.text == '/');
}
