/* What answers about parts lists are made of, as a mark that moves when one of them would be another: of a row of
 * parts_states s with its file f. */
#ifndef LOGIKALD_SERVICES_STORE_WEB_PARTS_PARTS_SQL_H
#define LOGIKALD_SERVICES_STORE_WEB_PARTS_PARTS_SQL_H

#define PARTS_MARK_OF(text) "encode(sha256(convert_to(coalesce(" text ", ''), 'UTF8')), 'hex')"
#define PARTS_FACTS                                                                                                    \
    "ROW(s.elevation_id, s.name, s.amount, s.state, s.error, s.number, s.sha256, s.file_row, s.valid_from,"            \
    " s.parsed_at, s.behind, f.reader, f.read_at, f.problem)::text"
#define PARTS_MARK   PARTS_MARK_OF("string_agg(" PARTS_FACTS ", ',' ORDER BY s.elevation_id)")
#define PARTS_STATES "parts_states s LEFT JOIN parts_files f ON f.sha256 = s.sha256"
/* How often an elevation is built, as a number of JSON: NULL where it is none (NaN, infinite). */
#define PARTS_AMOUNT(x) "CASE WHEN abs(" x ") <= 1e308 THEN " x " END"
/* Of all versions of an elevation, as a statement; no row when there is no such elevation. */
#define PARTS_MARK_OF_VERSIONS PARTS_MARK_OF("string_agg(ROW(v.*, f.reader, f.read_at)::text, ',' ORDER BY v.number)")
#define PARTS_VERSIONS_MARK(id)                                                                                        \
    "SELECT " PARTS_MARK_OF_VERSIONS " FROM elevations m LEFT JOIN parts_versions v ON v.elevation_id = m.id"          \
    " LEFT JOIN parts_files f ON f.sha256 = v.sha256 WHERE m.id = " id "::int AND m.deleted_at IS NULL GROUP BY m.id"
/* Not as Logikal has it: not read, or not the newest. */
#define PARTS_LACKING "(s.state NOT IN ('read', 'none') OR s.behind IS NOT NULL)"

/* A time as JSON's text, as all of the API has them: with six digits of a fraction, or none. */
#define PARTS_TIME(x)                                                                                                  \
    "to_char(" x ", CASE WHEN date_trunc('second', " x ") = " x " THEN 'YYYY-MM-DD\"T\"HH24:MI:SSTZH:TZM' ELSE"        \
    " 'YYYY-MM-DD\"T\"HH24:MI:SS.USTZH:TZM' END)"

#endif
