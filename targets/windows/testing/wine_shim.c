/*
 * bcryptprimitives.dll for a Wine that has none (Wine 8), put into the prefix in which files are tried. It is no part of
 * any build. The runtime asks it for random bytes. Such a Wine has VirtualAlloc2 too, but without the placeholders that V8
 * asks it for; here that function is renamed while the library loads, so that V8 does without, as on an old Windows.
 */
#include "../win32.h"

__declspec(dllimport) void *GetModuleHandleW(const WCHAR *);
__declspec(dllimport) BOOL VirtualProtect(void *, size_t, DWORD, DWORD *);
__declspec(dllimport) bool SystemFunction036(void *, uint32_t);

/* Places in a PE image: the header's offset, in the header the export directory's address, and in that the names. */
enum { HEADER = 0x3c, EXPORTS = 0x88, NAME_COUNT = 0x18, NAMES = 0x20 };

BOOL ProcessPrng(uint8_t *to, size_t size) {
  return SystemFunction036(to, (uint32_t)size);
}

static DWORD at(const uint8_t *place) {
  return *(const DWORD *)place;
}

static void hide(uint8_t *image, const char *wanted) {
  const uint8_t *exports = image + at(image + at(image + HEADER) + EXPORTS);
  for (DWORD i = 0; i < at(exports + NAME_COUNT); i++) {
    char *name = (char *)image + at(image + at(exports + NAMES) + i * 4), *end = name;
    for (const char *c = wanted; *c && *c == *end; c++) end++;
    if (wanted[end - name] || *end) continue;
    DWORD before;
    VirtualProtect(end - 1, 1, PAGE_READWRITE, &before);
    end[-1] = '_';
    VirtualProtect(end - 1, 1, before, &before);
  }
}

BOOL attach(void *library, DWORD reason, void *reserved) {
  enum { PROCESS_ATTACH = 1 };
  (void)library, (void)reserved;
  if (reason != PROCESS_ATTACH) return true;
  hide(GetModuleHandleW(u"kernelbase.dll"), "VirtualAlloc2");
  hide(GetModuleHandleW(u"kernel32.dll"), "VirtualAlloc2");
  return true;
}
