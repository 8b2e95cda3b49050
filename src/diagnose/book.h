// The book: what the build made of the built-in rules (tools/rulec), so that no start has to read, check and compile
// them again. It lists rules and signatures; a file's code is run when one of its rules is asked for.
//
// A program without a book (rulec itself, tests of single rooms) reads the rules from their text.
#pragma once

#include "diagnose/rule.h"

enum {
	FF_BOOK_SIGNATURES,
	FF_BOOK_FILTER,	 /**< what patterns need, in text whose digits are zeros */
	FF_BOOK_NUMBERS, /**< what they need of certain digits */
	FF_BOOK_WORK,
	FF_BOOK_DATABASES
};
enum { FF_BOOK_PORTABLE, FF_BOOK_WIDE /* needs AVX2; empty where the architecture has none */, FF_BOOK_FORMS };
enum { FF_BOOK_ALIGNMENT = 64 /* of a database, as Vectorscan lays it out */ };

/** One file of ours as Lua bytecode, with line numbers. */
struct ff_book_file {
	const char *name; /**< "rules/torch.lua" */
	struct ff_span code;
};

struct ff_book {
	const char *lua; /**< lua_ident of the liblua that made the code: another one is not given it */
	struct ff_span databases[FF_BOOK_DATABASES][FF_BOOK_FORMS]; /**< of Vectorscan, as they lie in memory */
	/** A scratch that fits them all, to be cloned, for to allocate one Vectorscan reads each database through. Empty
	    where the build could not make it. */
	struct ff_span scratch;
	const struct ff_book_file *files;
	const struct ff_rule *rules;
	const struct ff_signature *signatures;
	size_t file_count, rule_count, signature_count;
};

extern const struct ff_book ff_book __attribute__((weak));

#define FF_BOOK_PRELUDE "prelude.lua"
enum { FF_BOOK_NAME_MAX = 64 };

/** Make the name of a file of rules ("rules/torch.lua"); false behind the last one. */
bool ff_book_rules_name(size_t index, char ret[FF_BOOK_NAME_MAX]);

/** The text of a file of rules or of the prelude, empty for any other name. */
struct ff_span ff_book_text(const char *name);

/** Push the chunk of such a file: its bytecode from the book, or its text where that does not fit. */
struct ff_error *ff_book_load(lua_State *L, const char *name);
