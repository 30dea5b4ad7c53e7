/*
 * What the stub uses of Windows, declared here so that any clang builds it, with or without a set of Windows headers.
 * Names, values and layouts as in Microsoft's documentation of the Windows API; 64-bit Windows only.
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint16_t WCHAR;
typedef uint32_t DWORD;
typedef int BOOL;
typedef void *HANDLE;

#define INVALID_HANDLE_VALUE ((HANDLE)(intptr_t)-1)
#define INVALID_FILE_ATTRIBUTES 0xffffffffu
#define FILE_ATTRIBUTE_DIRECTORY 0x10u
#define FILE_ATTRIBUTE_REPARSE_POINT 0x400u
#define GENERIC_READ 0x80000000u
#define GENERIC_WRITE 0x40000000u
#define FILE_SHARE_READ 1u
#define FILE_SHARE_WRITE 2u
#define FILE_SHARE_DELETE 4u
#define CREATE_NEW 1u
#define OPEN_EXISTING 3u
#define PAGE_READONLY 2u
#define PAGE_READWRITE 4u
#define FILE_MAP_READ 4u
#define MEM_COMMIT 0x1000u
#define MEM_RESERVE 0x2000u
#define MEM_RELEASE 0x8000u
#define INFINITE 0xffffffffu
#define EXTENDED_STARTUPINFO_PRESENT 0x80000u
#define PROC_THREAD_ATTRIBUTE_JOB_LIST 0x2000du
#define STARTF_USESHOWWINDOW 1u
#define STARTF_USESTDHANDLES 0x100u
#define HANDLE_FLAG_INHERIT 1u
#define STD_INPUT_HANDLE ((DWORD)-10)
#define STD_OUTPUT_HANDLE ((DWORD)-11)
#define STD_ERROR_HANDLE ((DWORD)-12)
#define CTRL_C_EVENT 0u
#define CTRL_BREAK_EVENT 1u
#define LOAD_LIBRARY_SEARCH_SYSTEM32 0x800u
#define JobObjectExtendedLimitInformation 9
#define JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK 0x1000u
#define JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE 0x2000u

#define ERROR_FILE_NOT_FOUND 2u
#define ERROR_PATH_NOT_FOUND 3u
#define ERROR_ACCESS_DENIED 5u
#define ERROR_SHARING_VIOLATION 32u
#define ERROR_ALREADY_EXISTS 183u
#define ERROR_FILENAME_EXCED_RANGE 206u

typedef struct {
  DWORD low, high;
} FILETIME;

typedef struct {
  DWORD dwFileAttributes;
  FILETIME ftCreationTime, ftLastAccessTime, ftLastWriteTime;
  DWORD nFileSizeHigh, nFileSizeLow, dwReserved0, dwReserved1;
  WCHAR cFileName[260], cAlternateFileName[14];
} WIN32_FIND_DATAW;

typedef struct {
  DWORD nLength;
  void *lpSecurityDescriptor;
  BOOL bInheritHandle;
} SECURITY_ATTRIBUTES;

typedef struct {
  DWORD cb;
  WCHAR *lpReserved, *lpDesktop, *lpTitle;
  DWORD dwX, dwY, dwXSize, dwYSize, dwXCountChars, dwYCountChars, dwFillAttribute, dwFlags;
  uint16_t wShowWindow, cbReserved2;
  uint8_t *lpReserved2;
  HANDLE hStdInput, hStdOutput, hStdError;
} STARTUPINFOW;

typedef struct {
  STARTUPINFOW StartupInfo;
  void *lpAttributeList;
} STARTUPINFOEXW;

typedef struct {
  HANDLE hProcess, hThread;
  DWORD dwProcessId, dwThreadId;
} PROCESS_INFORMATION;

typedef struct {
  int64_t PerProcessUserTimeLimit, PerJobUserTimeLimit;
  DWORD LimitFlags;
  size_t MinimumWorkingSetSize, MaximumWorkingSetSize;
  DWORD ActiveProcessLimit;
  size_t Affinity;
  DWORD PriorityClass, SchedulingClass;
  uint64_t IoInfo[6];
  size_t ProcessMemoryLimit, JobMemoryLimit, PeakProcessMemoryUsed, PeakJobMemoryUsed;
} JOBOBJECT_EXTENDED_LIMIT_INFORMATION;

_Static_assert(sizeof(WIN32_FIND_DATAW) == 592, "as Windows has it");
_Static_assert(sizeof(SECURITY_ATTRIBUTES) == 24, "as Windows has it");
_Static_assert(sizeof(STARTUPINFOW) == 104, "as Windows has it");
_Static_assert(sizeof(PROCESS_INFORMATION) == 24, "as Windows has it");
_Static_assert(sizeof(JOBOBJECT_EXTENDED_LIMIT_INFORMATION) == 144, "as Windows has it");

typedef BOOL (*HandlerRoutine)(DWORD);

#define WINDOWS __declspec(dllimport)
WINDOWS BOOL CloseHandle(HANDLE);
WINDOWS BOOL CreateDirectoryW(const WCHAR *, const SECURITY_ATTRIBUTES *);
WINDOWS HANDLE CreateFileMappingW(HANDLE, const SECURITY_ATTRIBUTES *, DWORD, DWORD, DWORD, const WCHAR *);
WINDOWS HANDLE CreateFileW(const WCHAR *, DWORD, DWORD, const SECURITY_ATTRIBUTES *, DWORD, DWORD, HANDLE);
WINDOWS HANDLE CreateJobObjectW(const SECURITY_ATTRIBUTES *, const WCHAR *);
WINDOWS BOOL CreateProcessW(
  const WCHAR *, WCHAR *, const SECURITY_ATTRIBUTES *, const SECURITY_ATTRIBUTES *, BOOL, DWORD, void *,
  const WCHAR *, STARTUPINFOEXW *, PROCESS_INFORMATION *
);
WINDOWS BOOL DeleteFileW(const WCHAR *);
WINDOWS _Noreturn void ExitProcess(DWORD);
WINDOWS BOOL FindClose(HANDLE);
WINDOWS HANDLE FindFirstFileW(const WCHAR *, WIN32_FIND_DATAW *);
WINDOWS BOOL FindNextFileW(HANDLE, WIN32_FIND_DATAW *);
WINDOWS BOOL FlushFileBuffers(HANDLE);
WINDOWS WCHAR *GetCommandLineW(void);
WINDOWS BOOL GetConsoleMode(HANDLE, DWORD *);
WINDOWS DWORD GetCurrentProcessId(void);
WINDOWS DWORD GetEnvironmentVariableW(const WCHAR *, WCHAR *, DWORD);
WINDOWS BOOL GetExitCodeProcess(HANDLE, DWORD *);
WINDOWS DWORD GetFileAttributesW(const WCHAR *);
WINDOWS BOOL GetFileSizeEx(HANDLE, int64_t *);
WINDOWS DWORD GetFinalPathNameByHandleW(HANDLE, WCHAR *, DWORD, DWORD);
WINDOWS DWORD GetFullPathNameW(const WCHAR *, DWORD, WCHAR *, WCHAR **);
WINDOWS DWORD GetLastError(void);
WINDOWS DWORD GetModuleFileNameW(void *, WCHAR *, DWORD);
WINDOWS void *GetProcAddress(void *, const char *);
WINDOWS HANDLE GetProcessHeap(void);
WINDOWS void GetStartupInfoW(STARTUPINFOW *);
WINDOWS HANDLE GetStdHandle(DWORD);
WINDOWS void GetSystemTimeAsFileTime(FILETIME *);
WINDOWS void *HeapAlloc(HANDLE, DWORD, size_t);
WINDOWS BOOL InitializeProcThreadAttributeList(void *, DWORD, DWORD, size_t *);
WINDOWS void *LoadLibraryExW(const WCHAR *, HANDLE, DWORD);
WINDOWS void *LocalFree(void *);
WINDOWS void *MapViewOfFile(HANDLE, DWORD, DWORD, DWORD, size_t);
WINDOWS BOOL MoveFileExW(const WCHAR *, const WCHAR *, DWORD);
WINDOWS BOOL RemoveDirectoryW(const WCHAR *);
WINDOWS BOOL SetConsoleCtrlHandler(HandlerRoutine, BOOL);
WINDOWS BOOL SetEnvironmentVariableW(const WCHAR *, const WCHAR *);
WINDOWS BOOL SetHandleInformation(HANDLE, DWORD, DWORD);
WINDOWS BOOL SetInformationJobObject(HANDLE, int, void *, DWORD);
WINDOWS void Sleep(DWORD);
WINDOWS BOOL UnmapViewOfFile(const void *);
WINDOWS BOOL UpdateProcThreadAttribute(void *, DWORD, size_t, void *, size_t, void *, size_t *);
WINDOWS void *VirtualAlloc(void *, size_t, DWORD, DWORD);
WINDOWS BOOL VirtualFree(void *, size_t, DWORD);
WINDOWS DWORD WaitForSingleObject(HANDLE, DWORD);
WINDOWS int WideCharToMultiByte(DWORD, DWORD, const WCHAR *, int, char *, int, const char *, BOOL *);
WINDOWS BOOL WriteConsoleW(HANDLE, const void *, DWORD, DWORD *, void *);
WINDOWS BOOL WriteFile(HANDLE, const void *, DWORD, DWORD *, void *);
#undef WINDOWS
