// The two files that pip writes beside METADATA.
//
//	Root-Is-Purelib: false
//	Tag: cp311-cp311-manylinux_2_17_x86_64
//	Tag: cp311-cp311-manylinux2014_x86_64
//
//	numpy/core/_multiarray_umath.cpython-311-x86_64-linux-gnu.so,sha256=Qk...,7356385
//	"a name, with a comma.py",sha256=...,12
//
// How the source lies: `pip install --platform` and --target put a wheel of another machine where this one looks; an
// abi3 wheel names the oldest Python it runs on; tags may be joined by dots ("py2.py3-none-any"); strip makes a library
// smaller than RECORD says.
#include "parse/wheel.h"

#include "parse/chars.h"
#include "parse/metadata.h"

// "3.11" -> 311 by parts; false when it is no such number.
static bool read_minor(struct ff_span python, uint64_t *ret_major, uint64_t *ret_minor)
{
	struct ff_span rest = python, major, minor;
	return ff_span_next(&rest, '.', &major) && ff_span_next(&rest, '.', &minor) && ff_span_u64(major, ret_major) &&
		ff_span_u64(minor, ret_minor);
}

// One interpreter tag, "cp311", "py3", "py38".
static bool fits_python(struct ff_span tag, struct ff_span abi, uint64_t major, uint64_t minor)
{
	uint64_t version = 0;
	bool generic = ff_span_starts(tag, "py");
	if (!generic && !ff_span_starts(tag, "cp"))
		return true; // PyPy and others: not ours to judge
	struct ff_span digits = ff_span_skip(tag, 2);
	if (!digits.n || !ff_span_u64(ff_span_first(digits, 1), &version))
		return true;
	if (version != major)
		return false;
	struct ff_span rest = ff_span_skip(digits, 1);
	if (!rest.n)
		return true;
	if (!ff_span_u64(rest, &version))
		return true;
	bool stable = generic || ff_span_eq(abi, "abi3") || ff_span_eq(abi, "none");
	return stable ? version <= minor : version == minor;
}

static enum ff_wheel_fit fits_platform(struct ff_span tag, const struct ff_wheel_place *place)
{
	struct ff_span machine = place->machine;
	const char *other = ff_span_eq(place->libc, "musl") ? "manylinux"
		: ff_span_eq(place->libc, "glibc")	    ? "musllinux"
							    : NULL;
	if (ff_span_starts(tag, "win") || ff_span_starts(tag, "macosx") || (other && ff_span_starts(tag, other)))
		return FF_WHEEL_OTHER_SYSTEM;
	bool linux_tag =
		ff_span_starts(tag, "linux_") || ff_span_starts(tag, "manylinux") || ff_span_starts(tag, "musllinux");
	if (!linux_tag || !machine.n)
		return FF_WHEEL_FITS;
	bool same = tag.n > machine.n && memcmp(tag.p + tag.n - machine.n, machine.p, machine.n) == 0 &&
		tag.p[tag.n - machine.n - 1] == '_';
	return same ? FF_WHEEL_FITS : FF_WHEEL_OTHER_MACHINE;
}

// "cp311-cp311-manylinux_2_17_x86_64": any combination of the parts that dots join.
static enum ff_wheel_fit fit_of(struct ff_span tag, uint64_t major, uint64_t minor, const struct ff_wheel_place *place)
{
	struct ff_span rest = tag, pythons, abi, platforms, one;
	bool python = false;
	if (!ff_span_next(&rest, '-', &pythons) || !ff_span_next(&rest, '-', &abi))
		return FF_WHEEL_FITS;
	platforms = rest;
	while (ff_span_next(&pythons, '.', &one))
		python |= fits_python(one, abi, major, minor);
	enum ff_wheel_fit best = FF_WHEEL_OTHER_SYSTEM;
	bool any = !platforms.n;
	while (ff_span_next(&platforms, '.', &one)) {
		enum ff_wheel_fit fit = fits_platform(one, place);
		any |= fit == FF_WHEEL_FITS;
		best = fit < best ? fit : best;
	}
	return !any ? best : python ? FF_WHEEL_FITS : FF_WHEEL_OTHER_PYTHON;
}

enum ff_wheel_fit ff_wheel_fit(struct ff_span wheel, const struct ff_wheel_place *place, struct ff_span *ret_tag)
{
	struct ff_headers headers = {.rest = wheel};
	struct ff_span key, value, first = {NULL, 0};
	enum ff_wheel_fit fit = FF_WHEEL_FITS;
	uint64_t major, minor;
	if (!read_minor(place->python, &major, &minor))
		return FF_WHEEL_FITS;
	while (ff_header_next(&headers, &key, &value)) {
		if (!ff_span_same_case(key, "Tag"))
			continue;
		enum ff_wheel_fit its = fit_of(value, major, minor, place);
		if (its == FF_WHEEL_FITS)
			return FF_WHEEL_FITS;
		if (!first.n) {
			first = value;
			fit = its;
		}
	}
	*ret_tag = first;
	return fit;
}

bool ff_wheel_is_plain(struct ff_span wheel)
{
	struct ff_headers headers = {.rest = wheel};
	struct ff_span key, value;
	while (ff_header_next(&headers, &key, &value))
		if (ff_span_same_case(key, "Tag") && ff_span_ends(value, "-any"))
			return true;
	return false;
}

bool ff_record_next(struct ff_span *rest, struct ff_span *ret_path, int64_t *ret_size)
{
	struct ff_span line;
	do {
		if (!ff_span_line(rest, &line))
			return false;
	} while (!line.n);
	const char *last = memrchr(line.p, ',', line.n);
	size_t n = last ? (size_t)(last - line.p) : line.n;
	uint64_t size;
	bool known = last && ff_span_u64(ff_span_skip(line, n + 1), &size) && size <= INT64_MAX;
	*ret_size = known ? (int64_t)size : FF_RECORD_NO_SIZE;
	const char *hash = memrchr(line.p, ',', n);
	struct ff_span path = ff_span_first(line, hash ? (size_t)(hash - line.p) : n);
	if (path.n >= 2 && path.p[0] == '"' && path.p[path.n - 1] == '"')
		path = (struct ff_span){path.p + 1, path.n - 2};
	*ret_path = path;
	return true;
}
