/* Texts, paths and the last word of the stub. */
#pragma once
#include "win32.h"

/* Set to a function that clears up before the stub ends early. */
extern void (*before_end)(void);

/* All arguments up to a null pointer, joined. Never freed: the stub is short-lived. */
WCHAR *text(const WCHAR *first, ...);
WCHAR *number(DWORD value);
size_t length_of(const WCHAR *s);
/* The value of an environment variable; a null pointer when it is not set or empty. */
WCHAR *environment(const WCHAR *name);
WCHAR *absolute(const WCHAR *path);
bool exists(const WCHAR *path);
/* The file that this process was started from, behind symbolic links. */
WCHAR *own_file(void);
/* Says one sentence on standard error and ends with the exit code of a start that failed. */
_Noreturn void die(const WCHAR *sentence);
