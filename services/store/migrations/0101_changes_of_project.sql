-- A reader that asks for one project is told of what left it as well: of what was moved to another one, and of the project
-- itself when its row is deleted. These find both without reading the whole journal.
CREATE INDEX IF NOT EXISTS ix_changes_left ON changes (epoch, xid, seq)
    WHERE operation IN ('moved', 'vanished') AND object_type IN ('phase', 'elevation');
CREATE INDEX IF NOT EXISTS ix_changes_gone_project ON changes ((logikal_ids[1]))
    WHERE operation = 'deleted' AND object_type = 'project';
