// The `know` library of rules: questions to src/know.
#pragma once

#include <lua.h>

/** Push the library: gpu_cc(name), arch_covers(archs, ptx, cc), driver_runs(driver, cuda), driver_cuda(driver),
    gpu_driver(cc), gpu_by_pci(id) -> name, cc,
    torch_wheel(version) -> {version, cuda, archs, ptx}, torch_partner(torch, "torchvision") -> "==0.18.1",
    bnb_choice(facts) -> {wanted, found, ...}, bnb_ships(version, "121") -> boolean, allocator(env, torch) -> {name,
    value, keys, errors}, xid(number) -> {name, cause, action}, error(library, number or name) -> {library, number,
    name, words, cause}, cause_title(cause), kv_bytes(config) and least_weights(config, scheme): bytes, by the shape of
    a model, serving(question) -> {fits, memory, changes, ...}: the arithmetic of `firstfix fit`. What is not
    known is nil. */
void ff_lua_know_open(lua_State *L);
