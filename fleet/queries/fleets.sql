SELECT fleet AS name, count() AS workers FROM (SELECT fleet, worker FROM fleet_worker GROUP BY fleet, worker)
GROUP BY fleet ORDER BY fleet
