"""Write the ELF files and caches that unit tests and fuzzers start from:  make_fixtures.py DIR"""
import pathlib
import sys

import elfwriter

FULL = """
soname libfull.so.1
needed libcudart.so.12
needed libc.so.6
rpath /opt/old
runpath $ORIGIN/../lib
flags1 0x800
needs libc.so.6 GLIBC_2.34
needs libc.so.6 GLIBC_2.38 weak
needs libcudart.so.12 libcudart.so.12
defines FULL_1.0
symbol own_function FULL_1.0
undefined needed_function libcudart.so.12
fatbin sm_80 sm_90a compute_90
fatbin sm_90 sm_120f compute_100f
relfatbin sm_80 lto_80
hip gfx90a:sramecc+:xnack- gfx1100
hip gfx1100
"""


def main():
    to = pathlib.Path(sys.argv[1])
    to.mkdir(parents=True, exist_ok=True)
    (to / "full.so").write_bytes(elfwriter.elf(FULL))
    (to / "i386.so").write_bytes(elfwriter.elf("class 32"))
    (to / "plain.so").write_bytes(elfwriter.elf("soname libplain.so\nneeded libc.so.6"))
    (to / "fatbin").write_bytes(
        elfwriter.fat_binary(["sm_90a", "compute_120"]) + b"\0" * 8 + elfwriter.fat_binary(["lto_80"])
    )
    (to / "bundle").write_bytes(elfwriter.hip_bundle(["gfx90a", "gfx942"]))
    (to / "ld.so.cache").write_bytes(elfwriter.ldcache([
        ("libcuda.so.1", "/usr/lib64/libcuda.so.1"), ("libc.so.6", "/lib/libc.so.6"),
        ("libfast.so.1", "/lib/libfast.so.1"),
        ("libfast.so.1", "/lib/glibc-hwcaps/x86-64-v3/libfast.so.1", "x86-64-v3"),
        ("libfast.so.1", "/lib/glibc-hwcaps/x86-64-v2/libfast.so.1", "x86-64-v2"),
        ("libx.so.9", "/lib/libx.so.9"), ("libx.so.10", "/lib/libx.so.10")], ["x86-64-v3", "x86-64-v2"]))


if __name__ == "__main__":
    main()
