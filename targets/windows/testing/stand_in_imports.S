#include "../imports.inc"

library kernel32
import ExitProcess
import GetCommandLineW
import GetCurrentDirectoryW
import GetEnvironmentVariableW
import GetStdHandle
import ReadFile
import Sleep
import WideCharToMultiByte
import WriteFile
imported

library shell32
import CommandLineToArgvW
imported

imports_end
