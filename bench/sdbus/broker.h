/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SDBUS_BROKER_H
#define SDBUS_BROKER_H

#include "../driver/bench.h"

/* Starts a dbus-broker of our own that listens at `path`. 0 or -errno. */
int broker_start(const char *path);

#endif
