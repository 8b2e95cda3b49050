// spdlog, asynchronous: a queue, a thread that formats and writes to argv[1].
#include "loop.h"

#include <spdlog/async.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>

static std::shared_ptr<spdlog::logger> logger;

static void event(int64_t i, double d, const char *text)
{
	logger->info("queue depth={} duration_ms={} request={}", i, d, text);
}

static void flush()
{
	// The queue is in order: when this thread pool has been torn down everything is written.
	logger->flush();
	while (spdlog::thread_pool()->queue_size())
		usleep(1000);
}

int main(int argc, char **argv)
{
	spdlog::init_thread_pool(16384, 1);
	logger = spdlog::basic_logger_mt<spdlog::async_factory>("bench", argc > 1 ? argv[1] : "/tmp/bench-spdlog.log", true);
	static const writer w = {"spdlog-async", event, flush};
	loop_run(&w);
	spdlog::shutdown();
}
