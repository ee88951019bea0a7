# Cross build for 32-bit Arm Linux (hard float) with Debian's g++-arm-linux-gnueabihf; tests run under
# qemu-user. The baseline is armv7-a; kernels in csrc/kernels ask for NEON and VFPv4 themselves.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(CMAKE_C_COMPILER arm-linux-gnueabihf-gcc)
set(CMAKE_CXX_COMPILER arm-linux-gnueabihf-g++)
set(CMAKE_FIND_ROOT_PATH /usr/arm-linux-gnueabihf)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_CROSSCOMPILING_EMULATOR "qemu-arm-static;-L;/usr/arm-linux-gnueabihf")
# The A9 has no VFPv4: scalar kernels.
set(SECATEUR_QEMU_CPUS "cortex-a7;cortex-a9" CACHE STRING "Emulated CPUs that tests run on")
