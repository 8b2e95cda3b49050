// libarchive, opened when the first bundle or image is written or read: it brings eight libraries along, and linking
// them took a third of the time that the program needs to start.
#pragma once

#include "base/error.h"

#include <archive.h>
#include <archive_entry.h>

#define FF_ARCHIVE_FUNCTIONS(F)             \
	F(archive_entry_filetype)           \
	F(archive_entry_free)               \
	F(archive_entry_gid)                \
	F(archive_entry_hardlink)           \
	F(archive_entry_hardlink_utf8)      \
	F(archive_entry_new)                \
	F(archive_entry_pathname)           \
	F(archive_entry_pathname_utf8)      \
	F(archive_entry_perm)               \
	F(archive_entry_set_filetype)       \
	F(archive_entry_set_mtime)          \
	F(archive_entry_set_pathname)       \
	F(archive_entry_set_perm)           \
	F(archive_entry_set_size)           \
	F(archive_entry_size)               \
	F(archive_entry_symlink)            \
	F(archive_entry_symlink_utf8)       \
	F(archive_entry_uid)                \
	F(archive_error_string)             \
	F(archive_filter_bytes)             \
	F(archive_read_data)                \
	F(archive_read_data_block)          \
	F(archive_read_free)                \
	F(archive_read_new)                 \
	F(archive_read_next_header)         \
	F(archive_read_open)                \
	F(archive_read_open_fd)             \
	F(archive_read_open_filename)       \
	F(archive_read_open_memory)         \
	F(archive_read_support_filter_gzip) \
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

/** Its functions, as its own header declares them. */
struct ff_archive {
#define FF_ARCHIVE_SLOT(name) __typeof__(name) *name;
	FF_ARCHIVE_FUNCTIONS(FF_ARCHIVE_SLOT)
#undef FF_ARCHIVE_SLOT
};

/** The library; FF_EABSENT with the remedy where this machine has none. From any thread. */
struct ff_error *ff_archive(const struct ff_archive **ret);
