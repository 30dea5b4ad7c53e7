#include "system.h"

enum { FAILED_START = 126, LONGEST_PATH = 32768 };

void (*before_end)(void);

/* The compiler calls these two for what it does with blocks of memory. */
__attribute__((no_builtin)) void *memset(void *to, int value, size_t size) {
  uint8_t *at = to;
  while (size--) *at++ = (uint8_t)value;
  return to;
}

__attribute__((no_builtin)) void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  uint8_t *at = to;
  for (const uint8_t *source = from; size--;) *at++ = *source++;
  return to;
}

size_t length_of(const WCHAR *s) {
  size_t length = 0;
  while (s[length]) length++;
  return length;
}

static WCHAR *room(size_t characters) {
  WCHAR *made = HeapAlloc(GetProcessHeap(), 0, (characters + 1) * sizeof(WCHAR));
  if (!made) ExitProcess(FAILED_START);
  return made;
}

WCHAR *text(const WCHAR *first, ...) {
  va_list parts;
  size_t size = 0;
  va_start(parts, first);
  for (const WCHAR *part = first; part; part = va_arg(parts, const WCHAR *)) size += length_of(part);
  va_end(parts);
  WCHAR *made = room(size), *at = made;
  va_start(parts, first);
  for (const WCHAR *part = first; part; part = va_arg(parts, const WCHAR *)) {
    while (*part) *at++ = *part++;
  }
  va_end(parts);
  *at = 0;
  return made;
}

WCHAR *number(DWORD value) {
  WCHAR digits[12], *at = digits + 11;
  *at = 0;
  do *--at = u'0' + value % 10;
  while (value /= 10);
  return text(at, NULL);
}

WCHAR *environment(const WCHAR *name) {
  WCHAR *value = room(LONGEST_PATH);
  DWORD size = GetEnvironmentVariableW(name, value, LONGEST_PATH);
  return size > 0 && size < LONGEST_PATH ? value : NULL;
}

WCHAR *absolute(const WCHAR *path) {
  WCHAR *made = room(LONGEST_PATH);
  DWORD size = GetFullPathNameW(path, LONGEST_PATH, made, NULL);
  if (size == 0 || size >= LONGEST_PATH) return text(path, NULL);
  while (size > 3 && (made[size - 1] == u'\\' || made[size - 1] == u'/')) made[--size] = 0;
  return made;
}

bool exists(const WCHAR *path) {
  return GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES;
}

/* `\\?\C:\…` and `\\?\UNC\server\…` as people write them. */
static WCHAR *without_prefix(WCHAR *path) {
  static const WCHAR prefix[] = u"\\\\?\\", share[] = u"UNC\\";
  for (unsigned i = 0; prefix[i]; i++) {
    if (path[i] != prefix[i]) return path;
  }
  path += 4;
  for (unsigned i = 0; share[i]; i++) {
    if (path[i] != share[i]) return path;
  }
  return text(u"\\\\", path + 4, NULL);
}

WCHAR *own_file(void) {
  WCHAR *path = room(LONGEST_PATH);
  GetModuleFileNameW(NULL, path, LONGEST_PATH);
  if (!(GetFileAttributesW(path) & FILE_ATTRIBUTE_REPARSE_POINT)) return path;
  HANDLE file = CreateFileW(path, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING, 0, NULL);
  if (file == INVALID_HANDLE_VALUE) return path;
  WCHAR *target = room(LONGEST_PATH);
  DWORD size = GetFinalPathNameByHandleW(file, target, LONGEST_PATH, 0);
  CloseHandle(file);
  return size > 0 && size < LONGEST_PATH ? without_prefix(target) : path;
}

void die(const WCHAR *sentence) {
  const WCHAR *line = text(u"realm: ", sentence, u"\n", NULL);
  HANDLE out = GetStdHandle(STD_ERROR_HANDLE);
  DWORD mode, written;
  if (before_end) before_end();
  if (GetConsoleMode(out, &mode)) {
    WriteConsoleW(out, line, (DWORD)length_of(line), &written, NULL);
    ExitProcess(FAILED_START);
  }
  enum { UTF8 = 65001 };
  int size = WideCharToMultiByte(UTF8, 0, line, (int)length_of(line), NULL, 0, NULL, NULL);
  char *bytes = (char *)room((size_t)size);
  WideCharToMultiByte(UTF8, 0, line, (int)length_of(line), bytes, size, NULL, NULL);
  WriteFile(out, bytes, (DWORD)size, &written, NULL);
  ExitProcess(FAILED_START);
}
