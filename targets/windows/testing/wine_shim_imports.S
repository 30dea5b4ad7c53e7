#include "../imports.inc"

library kernel32
import GetModuleHandleW
import VirtualProtect
imported

library advapi32
import SystemFunction036
imported

imports_end
