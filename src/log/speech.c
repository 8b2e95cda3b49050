// Finds what a line only quotes, by what stands before it in that line:
//
//	Received request cmpl-7: prompt: 'Explain: CUDA driver version is insufficient ...    a prompt
//	Assistant: 'no kernel image' means that ...                                           a model's answer
//	  38      raise RuntimeError("Ninja is required ...                                   a listing
//	+ echo "if you see CUDA out of memory ..."                                            a command that is shown
//	MOTD=Found no NVIDIA driver                                                           a variable
//
// How it lies: programs put their own errors in quotes and behind words with a colon too (what():  "...", msg="...",
// error: '...'), so only words count that introduce somebody else's text.
#include "log/speech.h"

#include "base/cleanup.h"
#include "base/regex.h"

#include <stdlib.h>

enum { BEFORE_MAX = 4096 };

#define FIELD                                                                                                         \
	"(?:prompts?|contents?|texts?|questions?|answers?|instructions?|completions?|sentences?|passages?|query|quer" \
	"ies|generated[_ ]text|assistant|user|human)"

// Matched against what stands before, whatever the case; `$` is where the words in doubt begin.
static const char *const patterns[] = {
	// a comment; a prompt of root's shell
	"^\\s*(?:#|//)\\s",
	// a listing, with or without numbers
	"^\\s*(?:-+> "
	"?)?\\d{1,5}[:|]?\\s+(?:raise|return|print|if|elif|else|def|class|import|from|assert|except|throw|echo|"
	"log(?:ger|ging)?\\.\\w+)\\b",
	"^\\s*(?:raise \\w+\\(|return |print\\(|throw |f?printf\\(|echo |log(?:ger|ging)?\\.\\w+\\()[^\"'`]*[\"'`]",
	// a command that a shell shows
	"^\\++ (?:echo|printf|cat|grep|logger)\\b",
	// a variable
	"^(?:export |declare -x )?(?-i:[A-Z][A-Z0-9_]{2,})=",
	// a turn of a conversation, an entry of a data set
	"^\\s*(?:<\\|?)?(?:user|human|assistant|question|answer|prompt|completion|instruction|text|passage|sentence|"
	"sample "
	"\\d+|example \\d+)(?:\\|?>)?\\s*[:>]",
	"\\b" FIELD "[\"']?\\s*[:=]\\s*[bfru]{0,2}[\"'(\\[{]",
	"(?<!error )(?<!error_)\\b(?:text|sentence|passage|question|answer|prompt|instruction|completion): ",
	// words about a message
	"\\b(?:if|when|in case) you (?:see|get|encounter)\\b",
	"\\byou (?:may|might|will|could|can|would) (?:also )?(?:see|get)\\b",
	"\\b(?:such as|for example|e\\.g\\.,?|looks like|(?:the|an?) (?:error|message|warning)(?: message)?) ?[\"'`]$",
};

enum { PATTERNS = sizeof(patterns) / sizeof(*patterns) };

struct ff_speech {
	struct ff_regex *list[PATTERNS];
};

struct ff_error *ff_speech_create(struct ff_speech **ret)
{
	struct ff_speech *speech = calloc(1, sizeof(*speech));
	struct ff_error *err = speech ? NULL : &ff_enomem;
	for (size_t i = 0; i < PATTERNS && !err; i++)
		err = ff_regex_create(patterns[i], true, false, &speech->list[i]);
	if (err)
		ff_speech_destroy(speech);
	else
		*ret = speech;
	return err;
}

void ff_speech_destroy(struct ff_speech *speech)
{
	for (size_t i = 0; speech && i < PATTERNS; i++)
		ff_regex_destroy(speech->list[i]);
	free(speech);
}

bool ff_speech_quoted(const struct ff_speech *speech, struct ff_span line, size_t at)
{
	if (at == 0 || at > line.n)
		return false;
	struct ff_span before = {line.p, at < BEFORE_MAX ? at : BEFORE_MAX};
	struct ff_match m;
	for (size_t i = 0; i < PATTERNS; i++)
		if (ff_regex_match(speech->list[i], before, 0, &m))
			return true;
	return false;
}
