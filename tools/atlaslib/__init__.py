"""What tools/atlas is made of: index (the package index), archive (wheels and sdists), extract (one file of Python),
mine (a package's releases into the cache), resolve (what a release's modules give), table (all releases of a package as
one table)."""
