/*
 * Stands in for the runtime in tests of the stub. Prints its arguments, what it was given of the environment and where it
 * runs, each with a zero byte behind it. Arguments of the program that it understands: `exit N`, `copy` (standard input to
 * standard output) and `wait` (for ever).
 */
#include "../win32.h"

__declspec(dllimport) WCHAR **CommandLineToArgvW(const WCHAR *, int *);
__declspec(dllimport) DWORD GetCurrentDirectoryW(DWORD, WCHAR *);
__declspec(dllimport) BOOL ReadFile(HANDLE, void *, DWORD, DWORD *, void *);

enum { UTF8 = 65001, ROOM = 4096 };

static void put(const void *bytes, DWORD size) {
  DWORD written;
  WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), bytes, size, &written, NULL);
}

static void print(const WCHAR *s) {
  static char bytes[ROOM * 4];
  put(bytes, (DWORD)WideCharToMultiByte(UTF8, 0, s, -1, bytes, sizeof bytes, NULL, NULL));
}

static bool equal(const WCHAR *a, const WCHAR *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

void start(void) {
  static WCHAR value[ROOM];
  static const WCHAR *const names[] = {u"REALM_EXE", u"DENO_DIR", u"DENO_NO_UPDATE_CHECK", u"GIVEN"};
  DWORD code = 0, size;
  int count;
  WCHAR **args = CommandLineToArgvW(GetCommandLineW(), &count);
  for (int i = 0; i < count; i++) print(args[i]);
  print(u"end of arguments");
  for (unsigned i = 0; i < 4; i++) {
    print(GetEnvironmentVariableW(names[i], value, ROOM) ? value : u"");
  }
  print(GetCurrentDirectoryW(ROOM, value) ? value : u"");
  for (int i = 1; i < count; i++) {
    if (equal(args[i], u"wait")) Sleep(INFINITE);
    if (equal(args[i], u"copy")) {
      char piece[ROOM / 2];
      while (ReadFile(GetStdHandle(STD_INPUT_HANDLE), piece, sizeof piece, &size, NULL) && size > 0) put(piece, size);
    }
    if (equal(args[i], u"exit") && i + 1 < count) {
      for (const WCHAR *digit = args[i + 1]; *digit; digit++) code = code * 10 + (*digit - u'0');
    }
  }
  ExitProcess(code);
}
