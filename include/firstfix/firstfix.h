// firstfix: what is true of this machine, what is wrong with it, and the one fix to try first.
//
//	struct ff_facts *facts;
//	struct ff_error *err = ff_collect(NULL, &facts);           // this machine, in milliseconds, no Python started
//	if (!err) {
//		char *text;
//		err = ff_facts_render(facts, FF_JSON, NULL, &text); // firstfix.facts/1, secrets masked
//		...
//	}
//	if (err) {
//		fprintf(stderr, "%s\n", ff_error_message(err));
//		ff_error_free(err);
//	}
//
// Every function that can fail returns NULL on success and an error otherwise; results go to the last parameter and are
// untouched on failure. Nothing here prints, exits, or changes signals, environment or working folder. Documents are
// those of the contract: firstfix.facts/1, firstfix.diagnosis/1. What ff_*_render() returns is masked; nothing else
// leaves.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FF_PUBLIC __attribute__((visibility("default")))

struct ff_error;
struct ff_facts;     /**< one machine at one time */
struct ff_diagnosis; /**< what is wrong, ranked */

/** One line, valid until the error is freed. */
FF_PUBLIC const char *ff_error_message(const struct ff_error *err);
/** True when the caller or the input was at fault (exit code 2). */
FF_PUBLIC bool ff_error_is_usage(const struct ff_error *err);
FF_PUBLIC void ff_error_free(struct ff_error *err);

FF_PUBLIC const char *ff_version(void);

/** Which machine to look at and how; all zero is this one, everything, default deadline. */
struct ff_collect_options {
	const char *root;    /**< a captured machine (ff_capture()), NULL for this one */
	pid_t pid;	     /**< look at this process: its interpreter, environment and mapped libraries; 0 for none */
	const char *only;    /**< comma-separated probe names, NULL for all */
	const char *python;  /**< the interpreter to look at, NULL to find the one a worker would use */
	const char *trigger; /**< stands in the document: "report" (default), "startup", "failure", ... */
	unsigned deadline_ms; /**< for everything; what has not answered by then is a miss. 0 is 5000 */
	/** With pid: its variables as they are now, NUL-separated; /proc/PID/environ is of its start */
	const char *environ_file;
	/** The image of a container in place of root: an archive or a folder of one, or a name that docker or podman knows
	 */
	const char *image;
	/** A file of packages in place of root: requirements.txt, a lock file, Dockerfile, compose.yaml; its lines come in
	    the answer */
	const char *requirements;
	/** With root, image or requirements: where it is to run, "h100"; GPUs that a root tells of count more */
	const char *gpu;
	const char *driver; /**< likewise: the driver there, "550.54.14" */
	const char *disk;   /**< likewise: the space that is free for what it writes, "20GiB" */
	const char *model;  /**< likewise: what it will load, a folder, a .gguf file or OWNER/NAME of the hub */
};

FF_PUBLIC struct ff_error *ff_collect(const struct ff_collect_options *options, struct ff_facts **ret);

/** Read a firstfix.facts/1 document; partial ones are fine. */
FF_PUBLIC struct ff_error *ff_facts_read(const char *path, struct ff_facts **ret);
FF_PUBLIC void ff_facts_free(struct ff_facts *facts);

/** Copy what a report reads into a folder, masked, so that ff_collect() with `root` gives the same report elsewhere.
    The folder must not exist or be empty. */
FF_PUBLIC struct ff_error *ff_capture(const struct ff_collect_options *options, const char *dir);

enum ff_format {
	FF_TEXT,     /**< for a person */
	FF_JSON,     /**< one document of the contract */
	FF_MARKDOWN, /**< to paste in an issue */
	FF_SARIF,    /**< SARIF 2.1.0, for code review; of a diagnosis */
};

/** How text looks; NULL or all zero is plain ASCII without colour, 80 columns. */
struct ff_style {
	bool colour;
	bool utf8;    /**< marks and emoji in front of the lines */
	int columns;  /**< 0 is 80 */
	bool verbose; /**< misses and details too */
	/** Of a diagnosis: what does not fit so many rows is left out, and the last line says what; 0 for all */
	int rows;
	bool brief; /**< of a report only what decides whether a worker starts: torch, quantization, driver */
};

/** What to explain; all zero explains nothing but the facts. */
struct ff_explain_options {
	const struct ff_facts *facts; /**< the machine that failed, NULL when nothing is known of it */
	int log_fd;		      /**< the log, read to its end once in constant memory; -1 for none */
	const char *log_name;	      /**< for messages */
	/** A folder of more rules, NULL for none ($FIRSTFIX_RULES and /etc/firstfix/rules.d are read) */
	const char *rules_dir;
	bool check; /**< also evaluate the facts alone: what will fail on this machine */
	/** With check: also import and use what a worker uses, in processes of their own, each with this deadline; 0:
	    no */
	unsigned deep_ms;
	/** With check: leave out what does not concern this engine, a name of ff_engine_at(); NULL for all */
	const char *engine;
	/** Whose facts they are, for the answer: "this machine"; NULL is "file". Without facts: why there are none */
	const char *facts_of;
	/** Nobody said that they are the log's: where it contradicts them they are not used, but those of the
	    interpreter that it names, or a start-up report that fits it. Without facts: such a report */
	bool facts_assumed;
	/** With facts_assumed: only start-up reports of this run (its id, its container's, or a word of its command);
	    NULL for any */
	const char *worker;
	const volatile int *stop; /**< set it to end reading early (a signal handler may); what was read is explained */
};

/** Join a log with facts: root causes ranked, each with evidence and fixes (firstfix.diagnosis/1). */
FF_PUBLIC struct ff_error *ff_explain(const struct ff_explain_options *options, struct ff_diagnosis **ret);
FF_PUBLIC void ff_diagnosis_free(struct ff_diagnosis *diagnosis);

/** Caller frees *ret with free(). */
FF_PUBLIC struct ff_error *ff_diagnosis_render(
	const struct ff_diagnosis *diagnosis, enum ff_format format, const struct ff_style *style, char **ret);

/** True when it names an error, or its verdict is that it failed and the cause is not known (exit code 1). */
FF_PUBLIC bool ff_diagnosis_is_error(const struct ff_diagnosis *diagnosis);

/** How a machine is, in a few lines, and what to try: what `firstfix` alone says. FF_JSON is firstfix.overview/1.
    Caller frees *ret with free(). */
FF_PUBLIC struct ff_error *ff_overview_render(const struct ff_facts *facts, const struct ff_diagnosis *check,
	enum ff_format format, const struct ff_style *style, char **ret);

/** The probes: name and one line of help; false when index is past the last. */
FF_PUBLIC bool ff_probe_at(size_t index, const char **ret_name, const char **ret_help);

/** Caller frees *ret with free(). */
FF_PUBLIC struct ff_error *ff_facts_render(
	const struct ff_facts *facts, enum ff_format format, const struct ff_style *style, char **ret);

/** What native code carries and needs, without running it: GPU architectures, dependencies as the dynamic loader would
    resolve them, symbol versions. `what` is a file, absolute or from the working folder, or (a word without a slash
    that is no file) an installed Python package, whose files are looked at as if loaded after torch. Of `options` root,
    pid and python count, NULL is this machine. *ret_ok is false when something that it needs is missing. JSON is
    firstfix.libs/1; FF_MARKDOWN is text in a fence. Caller frees *ret. */
FF_PUBLIC struct ff_error *ff_libs(const struct ff_collect_options *options, const char *what, enum ff_format format,
	const struct ff_style *style, bool *ret_ok, char **ret);

/** Where it is to run is asked of many GPUs and drivers. */
struct ff_matrix_options {
	/** Of image, root or requirements; gpu and driver are lists with commas, NULL for the usual ones */
	struct ff_collect_options collect;
	const char *engine, *rules_dir; /**< as in struct ff_explain_options */
};

/** Which of them it runs on, as far as files tell: one table for a release note. JSON is firstfix.matrix/1. *ret_runs:
    there is one. Caller frees *ret. */
FF_PUBLIC struct ff_error *ff_matrix(const struct ff_matrix_options *options, enum ff_format format,
	const struct ff_style *style, bool *ret_runs, char **ret);

/** The engines that are known, as options name them: "vllm", "sglang"; NULL when index is past the last. */
FF_PUBLIC const char *ff_engine_at(size_t index);

/** How a model is to be served; zero or NULL for what was not said. */
struct ff_fit_options {
	struct ff_collect_options collect; /**< whose GPU, cache and packages; all zero: this machine's */
	const char *model;		   /**< a folder, a file, or OWNER/NAME of the hub */
	const char *gpu;		   /**< "h100", "RTX 4090", "24GiB"; NULL: the one of the machine */
	const char *engine;		   /**< a name of ff_engine_at() */
	const char *quantization;	   /**< while loading: "fp8", "4bit" */
	unsigned long context;		   /**< tokens of one sequence */
	unsigned sequences, gpus;	   /**< at once; to share the model out to */
	double share;			   /**< of the GPU's memory that the engine may take */
	bool offline;			   /**< ask nobody */
};

/** Does the model fit, how far does the memory go, and the cheapest change that makes it fit: from headers alone.
    JSON is firstfix.fit/1. *ret_fits is the answer; caller frees *ret. */
FF_PUBLIC struct ff_error *ff_fit(const struct ff_fit_options *options, enum ff_format format,
	const struct ff_style *style, bool *ret_fits, char **ret);

/** A failure as one document: firstfix.incident/1. `dir` below is the state folder, NULL for the usual one. */
struct ff_incident;

/** The incident step of the supervisor: read its firstfix.death/1, collect, diagnose, store. *ret_stored may be NULL;
    it gets why the incident could not be stored (it is complete all the same), else NULL. */
FF_PUBLIC struct ff_error *ff_incident_from_death(
	const char *death_path, struct ff_incident **ret, struct ff_error **ret_stored);
/** True when the process told of this very failure while it lived: it is shown already, and this adds how it ended. */
FF_PUBLIC bool ff_incident_was_told(const struct ff_incident *incident);
/** Tell of processes that ended without a word in the middle of their work (their lanes lie there unclosed): each is
    stored once; *ret is what to show, empty where there was none. Caller frees *ret. */
FF_PUBLIC struct ff_error *ff_incident_left(const char *dir, const struct ff_style *style, char **ret);
/** A failure inside a living process (firstfix.failure/1 in a file, or "-"): collect, diagnose, store, count. *ret is
    firstfix.recorded/1: {"incident": ID, "count", "unstored": why, "known": true when another process of the run told
    of it, "cause", "diagnosis", "text": for a person}. Caller frees *ret. */
FF_PUBLIC struct ff_error *ff_incident_from_failure(
	const char *dir, const char *path, const struct ff_style *style, char **ret);
/** An incident that is stored came `times` times more. `token` may be NULL: of several calls with the same one the
    first counts. */
FF_PUBLIC struct ff_error *ff_incident_again(const char *dir, const char *id, unsigned times, const char *token);
/** Store what was explained without a supervisor. */
FF_PUBLIC struct ff_error *ff_incident_save(const char *dir, const char *log_name, const struct ff_facts *facts,
	const struct ff_diagnosis *diagnosis, struct ff_incident **ret);
/** From the state folder (an id, the beginning of one, or "last") or from a bundle (a path). */
FF_PUBLIC struct ff_error *ff_incident_read(const char *dir, const char *id_or_bundle, struct ff_incident **ret);
FF_PUBLIC struct ff_error *ff_incident_render(
	const struct ff_incident *incident, enum ff_format format, const struct ff_style *style, char **ret);
/** For a log collector (FIRSTFIX_LOG=json): one firstfix.event/1 object and a newline, with the diagnosis unless the
    process told of this failure before. Caller frees *ret. */
FF_PUBLIC struct ff_error *ff_incident_log_line(const struct ff_incident *incident, char **ret);
/** Its id in the store, NULL when it is not stored; borrowed. */
FF_PUBLIC const char *ff_incident_id(const struct ff_incident *incident);
/** firstfix.verdict/1 for the supervisor; caller frees. */
FF_PUBLIC struct ff_error *ff_incident_verdict_text(const struct ff_incident *incident, char **ret);
/** Pack it into a .tar.zst, masked, with a list of what was masked. */
FF_PUBLIC struct ff_error *ff_incident_bundle(const struct ff_incident *incident, const char *path);
/** The rules (firstfix.rules/1): built-in ones and those of the folders that apply. Caller frees *ret. */
FF_PUBLIC struct ff_error *ff_rules_render(
	const char *rules_dir, enum ff_format format, const struct ff_style *style, char **ret);
/** Check a file or folder of rules; the message names file and line of what is wrong. */
FF_PUBLIC struct ff_error *ff_rules_lint(const char *path);
/** Run every *.case of a folder of rules and of its folder `cases` (firstfix.cases/1). Caller frees *ret. */
FF_PUBLIC struct ff_error *ff_rules_run_cases(
	const char *dir, enum ff_format format, const struct ff_style *style, size_t *ret_failed, char **ret);
/** A page on a cause, or on every cause with NULL (firstfix.playbook/1). Caller frees *ret. */
FF_PUBLIC struct ff_error *ff_playbook_render(
	const char *cause, const char *rules_dir, enum ff_format format, const struct ff_style *style, char **ret);
/** What changed between two machines, or one machine at two times (firstfix.diff/1), most telling first: what the
    evidence of `diagnosis` (NULL for none) rests on, then what breaks workers most often. Free memory, temperatures and
    times do not count. *ret_changes may be NULL. Caller frees *ret. */
FF_PUBLIC struct ff_error *ff_facts_compare(const struct ff_facts *before, const struct ff_facts *after,
	const struct ff_diagnosis *diagnosis, enum ff_format format, const struct ff_style *style, size_t *ret_changes,
	char **ret);
/** The facts of the last good start of a command (its key), or of any with NULL. */
FF_PUBLIC struct ff_error *ff_facts_last_good(const char *dir, const char *command_key, struct ff_facts **ret);
/** What changed between the facts of two incidents, most telling first. */
FF_PUBLIC struct ff_error *ff_incident_diff(const struct ff_incident *before, const struct ff_incident *after,
	enum ff_format format, const struct ff_style *style, char **ret);
FF_PUBLIC void ff_incident_free(struct ff_incident *incident);

FF_PUBLIC struct ff_error *ff_incidents_render(
	const char *dir, enum ff_format format, const struct ff_style *style, char **ret);
/** Delete the oldest beyond these limits. */
/** What was said about the database by the calls of this thread: a damaged one was set aside and a new one made. NULL:
    nothing. */
FF_PUBLIC const char *ff_incidents_notice(void);
/** How many runs ended without a word (supervisor and worker killed together) and were not reported yet: the next
    'firstfix run' with this state folder makes incidents of them. */
FF_PUBLIC unsigned ff_incidents_unreported(const char *dir);
FF_PUBLIC struct ff_error *ff_incidents_prune(
	const char *dir, unsigned max_count, unsigned max_mib, unsigned *ret_deleted);
/** What became of an attempt that a verdict asked for. */
FF_PUBLIC struct ff_error *ff_incident_attempted(const char *dir, const char *id, const char *result, const char *say);
/** Remember a start-up report as the last good start of a command. */
FF_PUBLIC struct ff_error *ff_incident_good_start(const char *dir, const char *report_path, const char *command_key);

#ifdef __cplusplus
}
#endif
