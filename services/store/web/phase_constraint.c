/* What keeps phases apart in the schema: looked at, and made when it is missing. */
#include "services/store/web/phase_constraint.h"

const struct query query_phase_constraints = {
    .name = "phase_constraints",
    .sql =
        "SELECT json_build_object('success', true, 'constraints', (SELECT coalesce(json_agg(json_build_object('name',"
        " conname, 'type', contype) ORDER BY conname), '[]') FROM pg_constraint WHERE conrelid = 'phases'::regclass),"
        " 'indexes', (SELECT coalesce(json_agg(json_build_object('name', indexname, 'definition', indexdef) ORDER BY"
        " indexname), '[]') FROM pg_indexes WHERE tablename = 'phases' AND schemaname = current_schema()))",
};

const struct query query_phase_constraint_fix = {
    .name = "phase_constraint_fix",
    .sql =
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'uq_phase_logikal_project' AND conrelid ="
        " 'phases'::regclass) THEN ALTER TABLE phases ADD CONSTRAINT uq_phase_logikal_project UNIQUE (logikal_id,"
        " project_id); END IF; END $$",
};
