-- Which tables of a fleet these are: the comment that fleet/schema.sql gives them.
SELECT currentDatabase() AS asked, any(comment) AS said, count() AS n FROM system.tables
WHERE database = currentDatabase() AND name = 'fleet_worker'
