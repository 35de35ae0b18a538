/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mend for nng, 1.5.2 to at least 1.11.
 *
 * nng's ipc pipe reads a message in steps: nine bytes of header, then the body. A step that brought only a
 * part is repeated. Writing goes the same way. The callback of one step starts the next with
 * nng_stream_recv/_send on the same aio. If the pipe was closed between a step's end and its callback, that
 * aio is stopped and the call returns without doing anything. No callback will ever run, so the socket's
 * operation above never ends. nng's one reaper thread then waits for it for ever, and so does every later
 * nng_close() of the process. A pipe that ends while data streams through it is enough.
 *
 * The calls go through the dynamic linker, so ours come first. A refused call leaves the aio with
 * NNG_ECANCELED. We finish the aio then, and its callback sees an error as if the step had been cut short.
 * NNG_ECANCELED means nothing else here: nng closes a pipe's aios, which gives NNG_ECLOSED, before it stops
 * them, and callers hold the pipe's lock, which the callback takes first. Only calls made by nng itself are
 * changed.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>

#include "libactor/transport/nng/internal.h"

#define INTERPOSE __attribute__((visibility("default")))

typedef void stream_function(nng_stream *stream, nng_aio *aio);

static stream_function *next_recv, *next_send;

static stream_function *next_function(stream_function **cache, const char *name)
{
	stream_function *function = __atomic_load_n(cache, __ATOMIC_RELAXED);

	if (!function) {
		*(void **)&function = dlsym(RTLD_NEXT, name);
		__atomic_store_n(cache, function, __ATOMIC_RELAXED);
	}
	return function;
}

/* Is the code at @address nng's? */
static bool address_is_nngs(const void *address, stream_function *nngs)
{
	Dl_info caller, nng;

	return dladdr(address, &caller) && dladdr(*(void **)&nngs, &nng) && caller.dli_fbase == nng.dli_fbase;
}

static void stream_guard(stream_function *function, nng_stream *stream, nng_aio *aio, const void *caller)
{
	function(stream, aio);
	if (nng_aio_result(aio) == NNG_ECANCELED && address_is_nngs(caller, function))
		nng_aio_finish(aio, NNG_ECLOSED);
}

INTERPOSE void nng_stream_recv(nng_stream *stream, nng_aio *aio)
{
	stream_guard(next_function(&next_recv, "nng_stream_recv"), stream, aio, __builtin_return_address(0));
}

INTERPOSE void nng_stream_send(nng_stream *stream, nng_aio *aio)
{
	stream_guard(next_function(&next_send, "nng_stream_send"), stream, aio, __builtin_return_address(0));
}

int transport_stream_init(void)
{
	if (!next_function(&next_recv, "nng_stream_recv") || !next_function(&next_send, "nng_stream_send"))
		return -ENOSYS;
	return 0;
}
