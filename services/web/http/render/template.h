/* HTML templates: files of services/web/ui/assets/html, filled from a JSON object. Everything that is inserted is
 * escaped; there is no way to insert raw markup, so a name from outside never becomes one.
 *
 *   {{name}} {{a.b}} {{.}}       text of a member (looked up in the innermost object that has it), of the item itself
 *   {{#name}} ... {{/name}}      for each item of a list; inside an object; or once when it is true, not 0, not empty
 *   {{#name=word}} ... {{/name=word}}   when its text is word
 *   {{^name}} ... {{/name}}      when there is nothing of it: absent, null, false, 0, empty ({{^name=word}}: is not
 * word)
 *   {{> file}}                   another template of the folder
 *   {{asset path}}               URL of a file of services/web/ui/assets, with its content hash
 *   {{url name}}                 percent-encoded: one part of a path or a value of a query, in addresses and data-do
 *   {{say name}}                 a text that the program made, in the language of the page (phrase.h)
 *   {{number name}}              a number as the language of the page writes it; scripts/translate puts it into texts
 *   {{time name}}                the same of a time
 *   {{json name}}                as JSON, safe inside an element <script type="application/json"> and in an attribute
 *                                in apostrophes
 */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_RENDER_TEMPLATE_H
#define LOGIKALD_SERVICES_WEB_HTTP_RENDER_TEMPLATE_H

#include <cjson/cJSON.h>

#include "conf/text/buf.h"
#include "conf/embedded.h"
#include "conf/err.h"

#define UI_TEMPLATE_DEPTH 16 /* sections and included files inside each other */

/* Adds html/NAME.html (in another language than English html/LANGUAGE/NAME.html), filled from context, to out. 0, or a
 * negative error that names the file and the place (then out holds a part). Does not block. */
int ui_template_render(struct buf *out, const char *language, const char *name, const cJSON *context, struct err *err);
/* The same from another table of files, for tests. */
int ui_template_render_from(struct buf *out, const struct embedded *files, const char *language, const char *name,
                            const cJSON *context, struct err *err);

#endif
