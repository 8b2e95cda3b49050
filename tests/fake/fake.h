// The scenario that both stand-in libraries play: the JSON file named by FIRSTFIX_FAKE, in the shape of a facts
// document.
//
//	{"driver": {"version": "570.86.10", "cuda": "12.8"}, "gpus": [{"name": "NVIDIA GeForce RTX 5090", ...}],
//	 "cuda": {"init": 0}, "behave": {"nvmlInit_v2": "hang", "nvmlDeviceGetPowerUsage": 15, "cuInit": "crash"}}
//
// `behave` says what a function does instead of answering: "hang", "crash", or an error code. What a GPU of the
// scenario does not mention is answered "not supported".
#pragma once

#include <jansson.h>
#include <stdbool.h>

#define FAKE_API __attribute__((visibility("default")))

/** The scenario; {} when there is none. Read anew when its file was replaced. */
const json_t *fake_scenario(void);

/** Called first by every function: hangs or crashes if the scenario wants it to, else the code it wants, 0 for none. */
int fake_enter(const char *function);

/** A dotted path in `from`; NULL when missing. */
const json_t *fake_at(const json_t *from, const char *path);

/** Copy text as a C API does; false when it is missing or does not fit. */
bool fake_text(const json_t *from, const char *path, char *ret, unsigned n);
bool fake_number(const json_t *from, const char *path, double *ret);
