-- A transaction that began first may change an object after one that began later and has ended: by the numbers of the
-- transactions its change would come first, though it is the newer one. So a block's place is its transaction's number or
-- that of the last transaction that had ended when the block was made, whichever is greater. What a transaction changes
-- after another has ended comes behind it, then; and no transaction that runs has a block below its own number, so that a
-- reader below the oldest one still misses nothing. Who wrote it stands beside.
ALTER TABLE changes ADD COLUMN IF NOT EXISTS writer xid8;
ALTER TABLE changes ALTER COLUMN writer SET DEFAULT pg_current_xact_id();
ALTER TABLE changes ALTER COLUMN xid SET DEFAULT greatest(pg_current_xact_id()::text::bigint,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1)::text::xid8;
