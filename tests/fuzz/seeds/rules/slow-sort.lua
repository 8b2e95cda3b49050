local t = {} for i = 2, 10000 do t[i] = i end
for i = 1, 1000000 do table.sort {} end
