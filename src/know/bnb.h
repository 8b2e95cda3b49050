// Which native library a version of bitsandbytes loads, and what happens when it is not there
// (rules/data/bnb_rules.tsv).
#pragma once

#include "base/str.h"

enum ff_known {
	FF_KNOWN_NOT,
	FF_KNOWN_YES,
	FF_KNOWN_NO,
};

/** What the choice depends on. All texts borrowed. */
struct ff_bnb_question {
	const char *version;	/**< of bitsandbytes */
	const char *torch_cuda; /**< torch.version.cuda ("12.1"), NULL for None */
	const char *torch_hip;	/**< torch.version.hip ("6.2.41133"), NULL for None */
	/** Version of the libcudart found ("11.8"), asked for by old versions only; NULL: none found */
	const char *cudart;
	const char *override_cuda;  /**< BNB_CUDA_VERSION, NULL when not set */
	const char *override_rocm;  /**< BNB_ROCM_VERSION, NULL when not set */
	const char *capability;	    /**< highest compute capability ("7.0"), NULL when not known */
	enum ff_known gpu;	    /**< torch.cuda.is_available() */
	const char *const *shipped; /**< file names of the libraries in the package */
	size_t n_shipped;
};

enum ff_bnb_outcome {
	FF_BNB_LOADS,	    /**< the wanted library is there */
	FF_BNB_CPU_INSTEAD, /**< it is not, and the CPU library is loaded with only a warning */
	FF_BNB_FAILS,	    /**< it is not, or the choice itself raises: nothing is loaded */
};

struct ff_bnb_choice {
	char wanted[160];	 /**< file name of the library that is asked for; empty when the choice itself raises */
	const char *because;	 /**< "BNB_CUDA_VERSION", "torch.version.cuda", "libcudart", "no GPU", ... */
	const char *note;	 /**< a further word on it, or NULL */
	bool found;		 /**< `wanted` is shipped */
	bool assumed_gpu;	 /**< gpu was not known; taken as yes */
	bool assumed_capability; /**< the capability was needed and not known; taken as 7.5 or more */
	enum ff_bnb_outcome outcome;
};

/** False when the version is older than the first row or no version at all, or when the answer needs what is not
    known. */
bool ff_know_bnb_select(const struct ff_bnb_question *question, struct ff_bnb_choice *ret);

/** Does the x86-64 wheel of that version carry a library for this CUDA version ("121" or "12.1")? */
enum ff_known ff_know_bnb_ships(const char *version, const char *cuda);

/** "loads", "cpu-instead", "fails". */
const char *ff_bnb_outcome_name(enum ff_bnb_outcome outcome);
