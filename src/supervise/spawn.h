// Starting processes: the worker, and what every child of ours needs before it executes.
#pragma once

#include <stdbool.h>

struct supervisor;

/** Start the worker for this attempt. 0 or -errno; whether its program could be executed comes as an event. */
int spawn_worker(struct supervisor *s);

/** Look whether the program could be executed: true when it is known now, worker.exec_errno says. */
bool spawn_result(struct supervisor *s);

/** Give up supervising before it began, for `error` (-errno): become the worker. Does not return. */
void spawn_plainly(struct supervisor *s, int error) __attribute__((noreturn));

/** In a child: FIRSTFIX_COMMAND_KEY, by which what belongs to this command is found. */
void spawn_name_command(const struct supervisor *s);

/** In a child: signals and limits as we found them. */
void spawn_restore(struct supervisor *s);
