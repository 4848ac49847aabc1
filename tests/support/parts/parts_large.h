/* Four windows of a project: three with a plain list of one article, and a fourth whose list is as long as one wants.
 */
#ifndef LOGIKALD_TESTS_SUPPORT_PARTS_LARGE_H
#define LOGIKALD_TESTS_SUPPORT_PARTS_LARGE_H

#define MANY 20000

extern const char parts_large_tables[]; /* the statement that makes the fourth's tables */
void parts_large_plain(void);           /* stores and reads those of the first three */
/* Stores and reads the fourth's: `many` articles at a price (SQL, of a column i), `many` profiles of one code, 700
 * panes. */
void parts_large_store(const char *price, int many);

#endif
