-- An admin session knows its role, and proves what it was made with (name, password, SECRET_KEY), so that it ends when
-- one of them changes. Sessions of before know neither: who has one logs in again.
ALTER TABLE admin_sessions ADD COLUMN IF NOT EXISTS is_viewer boolean NOT NULL DEFAULT true;
ALTER TABLE admin_sessions ADD COLUMN IF NOT EXISTS proof text NOT NULL DEFAULT '';
DELETE FROM admin_sessions WHERE proof = '';
