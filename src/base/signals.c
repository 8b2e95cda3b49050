// The signals that end a server, as a descriptor that its loop waits for beside others.
//
//	docker stop -> SIGTERM -> the descriptor is readable, and the loop leaves
#include "base/signals.h"

#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>

int ff_signals_of_end(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}
