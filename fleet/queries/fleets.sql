SELECT fleet AS name, uniqExact(id) AS workers FROM fleet_worker GROUP BY fleet ORDER BY fleet
