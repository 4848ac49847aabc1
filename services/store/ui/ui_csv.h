/* A field of a CSV line, of what the pages hand out as a file: as services/web/cache/csv.c writes them. */
#ifndef LOGIKALD_SERVICES_STORE_UI_UI_CSV_H
#define LOGIKALD_SERVICES_STORE_UI_UI_CSV_H

/* Quoted, and what a spreadsheet would take for a formula is defused: at the beginning, and where a cell may begin for
 * one that splits lines at semicolons. */
#define UI_CSV(value)                                                                                                  \
    "'\"' || regexp_replace(regexp_replace(replace(coalesce((" value ")::text, ''), '\"', '\"\"'),"                    \
    " '(^|[;\\t\\r\\n])(?=[-=+@\\uFF1D\\uFF0B\\uFF0D\\uFF20])', '\\1''', 'g'), '^(?=[\\t\\r\\n])', '''') || '\"'"

#endif
