/*
 * The beginning of the stub's code and its imports. The first line of the code says what the file is, as the second line of
 * the shell prelude does.
 */
#include "config.h"
#include "imports.inc"

.text
.ascii MARK "\n\0"
.balign 16

library kernel32
import CloseHandle
import CreateDirectoryW
import CreateFileMappingW
import CreateFileW
import CreateJobObjectW
import CreateProcessW
import DeleteFileW
import ExitProcess
import FindClose
import FindFirstFileW
import FindNextFileW
import FlushFileBuffers
import GetCommandLineW
import GetConsoleMode
import GetCurrentProcessId
import GetEnvironmentVariableW
import GetExitCodeProcess
import GetFileAttributesW
import GetFileSizeEx
import GetFinalPathNameByHandleW
import GetFullPathNameW
import GetLastError
import GetModuleFileNameW
import GetProcAddress
import GetProcessHeap
import GetStartupInfoW
import GetStdHandle
import GetSystemTimeAsFileTime
import HeapAlloc
import InitializeProcThreadAttributeList
import LoadLibraryExW
import LocalFree
import MapViewOfFile
import MoveFileExW
import RemoveDirectoryW
import SetConsoleCtrlHandler
import SetEnvironmentVariableW
import SetHandleInformation
import SetInformationJobObject
import Sleep
import UnmapViewOfFile
import UpdateProcThreadAttribute
import VirtualAlloc
import VirtualFree
import WaitForSingleObject
import WideCharToMultiByte
import WriteConsoleW
import WriteFile
imported

imports_end
