/* The first start: the runtime and the program come out of this file into the cache. */
#pragma once
#include "win32.h"

typedef struct {
  const WCHAR *self, *cache;
  /* Directories of the cache that are there whole or not at all. */
  const WCHAR *runtime, *app;
  /* Files by which it is known that they are there. */
  const WCHAR *program, *module;
} Places;

/* Ends with a sentence when it cannot be done. */
void unpack(const Places *places);
