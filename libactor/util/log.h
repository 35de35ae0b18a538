/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines of the daemons: one line per event on stderr, "actor-broker: <level> text". Only programs log;
 * the library itself never prints.
 */
#pragma once

#include <stddef.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* ACTOR_LOG_LEVEL=error|warning|info|debug overrides @max. */
void log_init(const char *program, enum log_level max);
/* From now on @put gets each line, with its newline. Without a call of this, log_put() gets the lines. */
void log_to(void (*put)(const char *line, size_t size));
/*
 * Writes the line to stderr if stderr takes it within 0.1 s (at once, if stderr did not take the line
 * before). Otherwise the line is lost: waiting would stop all actors of the process. May be called in a
 * signal handler.
 */
void log_put(const char *line, size_t size);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_write(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_DEBUG, __VA_ARGS__)
