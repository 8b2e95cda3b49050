// Questions to the atlas: who lacks what, which releases have it, and where it went.
#pragma once

#include "know/atlas.h"

enum ff_atlas_state {
	FF_ATLAS_UNKNOWN, /**< the package, the module or the class is not known, or nothing is said about this name */
	FF_ATLAS_HERE,	  /**< the release in question has it */
	FF_ATLAS_CHANGED, /**< it has not, others have */
	FF_ATLAS_NEVER,	  /**< no release ever had it */
};

enum { FF_ATLAS_BOUNDS_MAX = 64, FF_ATLAS_WORD_MAX = 128 };

struct ff_atlas_answer {
	enum ff_atlas_state state;
	const char *package;
	const char *first, *last; /**< the oldest and newest release that has it */
	/** Bounds of the nearest releases with it above the one in question: ">=4.49,<5"; or "" */
	char newer[FF_ATLAS_BOUNDS_MAX];
	char older[FF_ATLAS_BOUNDS_MAX]; /**< below it */
	int newer_by, older_by;		 /**< how many releases away */
	/** What the release does may differ: the name is bound on one way through the module only, or the module gives
	    more than its sources show */
	bool unsure;
	/** The name's module binds it on one way only, whatever release it is. */
	bool sometimes;
	const char *moved;		 /**< the module where it is now, or NULL */
	char nearest[FF_ATLAS_WORD_MAX]; /**< NEVER: the name that was meant, or "" */
};

/** Can `from module import name` work? `name` NULL asks for the module itself. `have` is the version in question, NULL
    when it is not known: then `newer` are the releases up to today that have it, or `older` the last ones that had it.
    False (and UNKNOWN) when the atlas does not know the module's package. */
bool ff_atlas_ask_name(
	const struct ff_atlas *a, const char *module, const char *name, const char *have, struct ff_atlas_answer *ret);

/** Does an object of this class have the attribute? The class stands bare, as in a message; its bases count, in other
    packages too. */
bool ff_atlas_ask_attribute(const struct ff_atlas *a, const char *package, const char *class, const char *attribute,
	const char *have, struct ff_atlas_answer *ret);

/** Does the function ("Class.method") take this parameter? With `must` the other way round: the releases where it need
    not be given. */
bool ff_atlas_ask_parameter(const struct ff_atlas *a, const char *package, const char *function, const char *parameter,
	bool must, const char *have, struct ff_atlas_answer *ret);

/** Which releases of `package` can be imported beside `other` at version `other_have`, by what they import of it? */
bool ff_atlas_ask_beside(const struct ff_atlas *a, const char *package, const char *have, const char *other,
	const char *other_have, struct ff_atlas_answer *ret);

/** What some releases of a package import of another one. */
struct ff_atlas_need {
	uint64_t set;
	const char *module, *name; /**< name "" for the module itself */
};

/** What some releases of a package declare that they want of another one ("python" too). */
struct ff_atlas_require {
	uint64_t set;
	const char *name, *specifiers;
};

/** Requirement number i of a package, false behind the last. */
bool ff_atlas_require_at(
	const struct ff_atlas *a, const struct ff_atlas_package *p, size_t i, struct ff_atlas_require *ret);

/** Need number i of a package, false behind the last. */
bool ff_atlas_need_at(const struct ff_atlas *a, const struct ff_atlas_package *p, size_t i, struct ff_atlas_need *ret);

/** Does that release of the other package have what is needed? What is not listed counts as there. */
bool ff_atlas_has(const struct ff_atlas *a, const struct ff_atlas_need *need, int release);

/** Bounds of which an installer takes this release (or another patch of it): ">=4.46,<4.47"; `behind`: the upper one is
    enough. */
void ff_atlas_bounds_of(
	const struct ff_atlas *a, const struct ff_atlas_package *p, int at, bool behind, char ret[FF_ATLAS_BOUNDS_MAX]);

/** What package `package` at `have` imports of other packages that these do not have at the versions that `version_of`
    tells (NULL: not installed or not known). `found` is called for each until it gives false. */
struct ff_atlas_lack {
	const char *package, *have;	/**< who imports */
	const char *other, *other_have; /**< from whom */
	const char *module, *name;	/**< what; name NULL for the module */
};
void ff_atlas_lacks(const struct ff_atlas *a, const char *package, const char *have,
	const char *(*version_of)(void *arg, const char *package),
	bool (*found)(void *arg, const struct ff_atlas_lack *lack), void *arg);

/** What a message of a package asks for; spans of the atlas. */
struct ff_atlas_message {
	/** i install, p a setting that is wrong, q one that is not supported, u the same without a sure name, v a variable,
	    h another GPU, y another Python, c the caller's own doing */
	char kind;
	char level;		   /**< how the package says it: 0 raised, e an error in its log, w a warning */
	struct ff_span package;	   /**< whose message it is */
	struct ff_span name, more; /**< of what: a distribution and its bounds, a variable and its value ("-": none) */
	const char *first, *last;  /**< releases that were read and can say it; "" when none is named */
};

/** Is this text one that the package's own code raises? */
bool ff_atlas_ask_message(
	const struct ff_atlas *a, const char *package, struct ff_span text, struct ff_atlas_message *ret);

/** Is it one that some package's code warns of or logs as an error? */
bool ff_atlas_ask_printed(const struct ff_atlas *a, struct ff_span text, struct ff_atlas_message *ret);

/** The answer about a set of releases of `p`; *ret is zeroed before. `have` as in ff_atlas_ask_name. */
void ff_atlas_answer_set(const struct ff_atlas *a, const struct ff_atlas_package *p, uint64_t set, const char *have,
	struct ff_atlas_answer *ret);

/** The native libraries of a distribution ("torch", "nvidia-nccl": without the CUDA behind it) as a package. */
bool ff_atlas_libraries(const struct ff_atlas *a, const char *distribution, struct ff_atlas_package *ret);

/** The releases of such a package that have a symbol; 0 where it is not listed, because none has it or all have.
    *ret_library borrows from the atlas. */
uint64_t ff_atlas_symbol_in(
	const struct ff_atlas *a, const struct ff_atlas_package *p, const char *symbol, struct ff_span *ret_library);

/** The same of all packages: which one has it, in which library. `have` is a version of that package. */
bool ff_atlas_ask_symbol(const struct ff_atlas *a, const char *symbol, const char *have, struct ff_atlas_answer *ret,
	struct ff_span *ret_library);

/** A flag ("--tp-size") or variable of an engine at one release. */
struct ff_atlas_flag {
	enum ff_atlas_state state;
	const char *first, *last; /**< the oldest and newest release that has it, or "" */
	char newer[FF_ATLAS_BOUNDS_MAX], older[FF_ATLAS_BOUNDS_MAX]; /**< as in struct ff_atlas_answer */
	char became[FF_ATLAS_WORD_MAX];				     /**< what this release has in its place, or "" */
	char nearest[FF_ATLAS_WORD_MAX]; /**< what this release has that is spelt most like it, or "" */
	struct ff_span usual, choices;	 /**< its default and, with commas between, its values; empty: not known */
	bool without_value;
	bool exact; /**< the release itself was read, not the one before it */
	bool sure;  /**< exact, or the release after it has the flag, or lacks it, as the one before */
};

/** Would this flag refuse a value? *ret: the one of its choices that is spelt most like it, or "". */
bool ff_atlas_flag_refuses(const struct ff_atlas_flag *flag, struct ff_span value, char ret[FF_ATLAS_WORD_MAX]);

/** Ask for a flag of an engine (a name of atlaslib/flags.py). `have` NULL: the newest release that was read. False when
    the engine, or a release as old as that, is not known. */
bool ff_atlas_ask_flag(
	const struct ff_atlas *a, const char *engine, const char *name, const char *have, struct ff_atlas_flag *ret);
