// A clock that a test can set, for the programs that this is preloaded into (LD_PRELOAD): the time of day is off by the
// seconds in the file that FIRSTFIX_FAKE_CLOCK names, from one call to the next. Only what asks for the time of day
// sees it: a machine whose clock is set keeps its other clocks as well.
//
//	-86400
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define FAKE_API __attribute__((visibility("default")))

FAKE_API int clock_gettime(clockid_t clock, struct timespec *ret);
FAKE_API int gettimeofday(struct timeval *restrict ret, void *restrict zone);
FAKE_API time_t time(time_t *ret);

static long offset(void)
{
	char text[32] = "";
	const char *path = getenv("FIRSTFIX_FAKE_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 ? strtol(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int code = (int)syscall(SYS_clock_gettime, clock, ret);
	if (code == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		ret->tv_sec += offset();
	return code;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec now;
	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	*ret = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
	return 0;
}

time_t time(time_t *ret)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}
