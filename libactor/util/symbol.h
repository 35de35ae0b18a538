/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name of the function at an address, for crash reports. It is read from the symbol table of the program
 * or library that has the address. Handlers are static functions: the dynamic symbols (dladdr,
 * backtrace_symbols) never have them, but the symbol table of the file does, unless the file was stripped.
 * This code runs in signal handlers: it uses no heap, and calls only system calls and dladdr, which takes the
 * loader's lock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbol {
	char name[128];        /* "": not known */
	char file[128];        /* the base name of the file; "": no object has the address */
	uintptr_t offset;      /* of the address in the function */
	uintptr_t file_offset; /* of the address in the object: addr2line needs it */
	bool in_program;       /* false: in a library */
};

/* @pc: the address itself; with @is_return the address right behind a call. */
void symbol_find(const void *pc, bool is_return, struct symbol *ret);
