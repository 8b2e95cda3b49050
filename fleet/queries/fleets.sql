SELECT fleet AS name, uniqExact(worker) AS workers FROM fleet_record GROUP BY fleet ORDER BY fleet
