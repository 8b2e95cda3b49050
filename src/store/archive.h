// libarchive, opened when the first bundle is written or read: it brings eight libraries along, and linking them took a
// third of the time that the program needs to start.
#pragma once

#include "base/error.h"

#include <archive.h>
#include <archive_entry.h>

#define FF_ARCHIVE_FUNCTIONS(F)             \
	F(archive_entry_free)               \
	F(archive_entry_new)                \
	F(archive_entry_pathname)           \
	F(archive_entry_set_filetype)       \
	F(archive_entry_set_mtime)          \
	F(archive_entry_set_pathname)       \
	F(archive_entry_set_perm)           \
	F(archive_entry_set_size)           \
	F(archive_error_string)             \
	F(archive_read_data)                \
	F(archive_read_free)                \
	F(archive_read_new)                 \
	F(archive_read_next_header)         \
	F(archive_read_open_filename)       \
	F(archive_read_support_filter_zstd) \
	F(archive_read_support_format_tar)  \
	F(archive_write_add_filter_zstd)    \
	F(archive_write_close)              \
	F(archive_write_data)               \
	F(archive_write_free)               \
	F(archive_write_header)             \
	F(archive_write_new)                \
	F(archive_write_open_fd)            \
	F(archive_write_set_format_pax_restricted)

struct ff_archive {
#define FF_MEMBER(name) __typeof__(name) *name;
	FF_ARCHIVE_FUNCTIONS(FF_MEMBER)
#undef FF_MEMBER
};

/** Open the library; what it fills stays valid. FF_EABSENT with the loader's words when it is not there. */
struct ff_error *ff_archive_open(struct ff_archive *ret);
