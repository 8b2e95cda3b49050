SELECT side.id, side.hit, said.has, said.known
FROM fleet_side(fleet = {fleet:String}, fingerprint = {fingerprint:String}) AS side
INNER JOIN fleet_bits(fleet = {fleet:String}, names = {names:Array(String)}, known = {known:Array(UInt64)},
    keys = {keys:Array(String)}, values = {values:Array(String)}, has = {has:Array(UInt64)}, always = {always:UInt64},
    inverted = {inverted:UInt64}) AS said USING (set)
ORDER BY side.worker
FORMAT RowBinary
