-- The objects of a page of the feed are joined, and not asked for one by one: the function that 0203 made has no caller.
DROP FUNCTION IF EXISTS changes_object(text, bigint);
