/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per event on stderr, for daemons: "actor-broker: <level> text". The library itself never prints;
 * programs do.
 */
#pragma once

#include <stddef.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* ACTOR_LOG_LEVEL=error|warning|info|debug overrides */
void log_init(const char *program, enum log_level max);
/* From now on @put gets each line, with its newline. Otherwise it is written to stderr, by log_put(). */
void log_to(void (*put)(const char *line, size_t size));
/*
 * Writes to stderr if that takes it within 0.1 s (at once, if the last one was not taken); else it is lost,
 * since all actors of a process would wait with it. May be called in a signal handler.
 */
void log_put(const char *line, size_t size);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_write(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_DEBUG, __VA_ARGS__)
