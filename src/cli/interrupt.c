// A signal's handler that only notes it.
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

volatile int ff_interrupted;

static void note(int signal_number)
{
	(void)signal_number;
	ff_interrupted = 1;
}

void ff_interrupt_catch(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaction(signals[i], &action, NULL);
}

static char torn[512];
static pid_t owner;

static void end_torn(int signal_number)
{
	(void)signal_number;
	if (getpid() == owner)
		dprintf(STDERR_FILENO, "%s", torn);
	_exit(2);
}

void ff_interrupt_torn(const char *words)
{
	struct sigaction action = {.sa_handler = end_torn};
	snprintf(torn, sizeof(torn), "%s\n", words);
	owner = getpid();
	sigaction(SIGBUS, &action, NULL);
}
