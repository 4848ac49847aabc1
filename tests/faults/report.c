/* The table of docs/operating.md, written by what measured it: it stands between two lines that mark it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "tests/faults/faults.h"
#include "tests/support/document.h"

#define BEGIN "<!-- faults: written by `make faults` -->\n"
#define END   "<!-- end of faults -->\n"

#define CAUSE_MOST 150

/* What differs from machine to machine, up to the end of its digits or of its word. */
static const struct {
    const char *begins, *stands_for, *word;
} own[] = {{"127.0.0.1:", "HOST:PORT", "0123456789"},
           {"port ", "port N", "0123456789"},
           {"process ", "process N", "0123456789"},
           {"/tmp/logikald-test-", "...", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"},
           {"was paused by ", "was paused by somebody", "abcdefghijklmnopqrstuvwxyz0123456789-. "}};

/* Of what was told the first line, cut at a word, without what is of this run alone. */
static void add_cause(struct buf *out, const char *cause)
{
    size_t begin = out->len;
    for (const char *p = cause; *p && *p != '\n';) {
        size_t i = 0;
        while (i < sizeof own / sizeof *own && strncmp(p, own[i].begins, strlen(own[i].begins)) != 0) i++;
        if (i < sizeof own / sizeof *own) {
            buf_str(out, own[i].stands_for);
            p += strlen(own[i].begins);
            p += strspn(p, own[i].word);
        } else if (*p == ' ' && out->len - begin > CAUSE_MOST) {
            buf_str(out, " ...");
            return;
        } else {
            if (*p == '|') buf_char(out, '\\');
            buf_char(out, *p++);
        }
    }
}

static void add_rows(struct buf *out)
{
    buf_str(out, "| fault | told as | first cause | s to it | s back to green | besides the end of the fault |\n"
                 "|---|---|---|---|---|---|\n");
    for (struct lane *const *l = lanes; *l; l++)
        for (int i = 0; i < (*l)->count; i++) {
            const struct fault *f = &(*l)->faults[i];
            if (!f->is_done) continue;
            buf_printf(out, "| %s | %s | ", f->what, f->state);
            add_cause(out, f->cause);
            buf_printf(out, " | %.1f | %.1f | %s |\n", f->red_s, f->green_s, f->back ? f->back : "nothing");
        }
}

void report_print(void)
{
    struct buf out = {0};
    add_rows(&out);
    fputs(out.data, stdout); /* print_message cuts long texts */
    fflush(stdout);
    buf_free(&out);
}

void report_write(const char *path)
{
    struct buf out = {0};
    add_rows(&out);
    document_put(path, BEGIN, END, out.data);
    buf_free(&out);
}
