// quill: a queue per thread, a thread that formats and writes to argv[1].
#include "loop.h"

#include <quill/Backend.h>
#include <quill/Frontend.h>
#include <quill/LogMacros.h>
#include <quill/Logger.h>
#include <quill/sinks/FileSink.h>

static quill::Logger *logger;

static void event(int64_t i, double d, const char *text)
{
	LOG_INFO(logger, "queue depth={} duration_ms={} request={}", i, d, text);
}

static void flush()
{
	logger->flush_log();
}

int main(int argc, char **argv)
{
	quill::Backend::start();
	auto sink = quill::Frontend::create_or_get_sink<quill::FileSink>(argc > 1 ? argv[1] : "/tmp/bench-quill.log");
	logger = quill::Frontend::create_or_get_logger("bench", std::move(sink));
	static const writer w = {"quill", event, flush};
	loop_run(&w);
	quill::Backend::stop();
}
