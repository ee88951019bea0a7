# Compile options that every target of the project shares, and the flags of each instruction set.

add_library(secateur_options INTERFACE)
target_compile_features(secateur_options INTERFACE cxx_std_17)
target_compile_options(secateur_options INTERFACE -Wall -Wextra -Wpedantic -fvisibility=hidden
  -ffunction-sections -fdata-sections -ffp-contract=off)
if(APPLE)
  target_link_options(secateur_options INTERFACE LINKER:-dead_strip)
else()
  target_link_options(secateur_options INTERFACE LINKER:--gc-sections)
endif()
# A host project may have these off for its own code; errors inside the library are exceptions, which
# do not leave it.
target_compile_options(secateur_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fexceptions>
  $<$<COMPILE_LANGUAGE:CXX>:-frtti>)
# What a distribution builds with: checked copies, stack protection, and tables that are read-only once
# a program has started. Kernels keep no bytes of a file on the stack and run millions of times.
set(SECATEUR_RELEASE "$<OR:$<CONFIG:Release>,$<CONFIG:MinSizeRel>>")
target_compile_options(secateur_options INTERFACE
  $<${SECATEUR_RELEASE}:-U_FORTIFY_SOURCE> $<${SECATEUR_RELEASE}:-D_FORTIFY_SOURCE=2>
  $<${SECATEUR_RELEASE}:-fstack-protector-strong>)
if(APPLE OR WIN32 OR CMAKE_SYSTEM_NAME STREQUAL "WASI")
  set(SECATEUR_LINK_HARDENING "")  # theirs are so by default
else()
  set(SECATEUR_LINK_HARDENING "LINKER:-z,relro,-z,now")
endif()
if(SECATEUR_WERROR)
  target_compile_options(secateur_options INTERFACE -Werror)
endif()

# What the compiler compiles for: x86_64, aarch64, arm, or other. Not CMAKE_SYSTEM_PROCESSOR, which
# names the kernel's: a Raspberry Pi with a 32-bit system under a 64-bit kernel is an aarch64 there.
include(CheckCXXSymbolExists)
set(SECATEUR_ARCH other)
foreach(arch x86_64 aarch64 arm)
  check_cxx_symbol_exists(__${arch}__ "cstddef" SECATEUR_FOR_${arch})
  if(SECATEUR_FOR_${arch})
    set(SECATEUR_ARCH ${arch})
    break()
  endif()
endforeach()

if(SECATEUR_ARCH STREQUAL arm)
  target_compile_options(secateur_options INTERFACE -Wno-psabi)  # GCC tells what changed in GCC 7
endif()

# Of code that lays out and shares work: on Arm small, for the device's program; elsewhere as fast to
# open a model as it gets.
if(SECATEUR_ARCH MATCHES "aarch64|arm")
  set(SECATEUR_LAYOUT_OPTIONS "$<$<CONFIG:Release>:-Os>")
else()
  set(SECATEUR_LAYOUT_OPTIONS "$<$<CONFIG:Release>:-O2>")
endif()

# secateur_isa_sources(<isa> <file>...): adds kernel files to the library `secateur` with the flags of
# that instruction set and no others. Such files call no inline function that another file may also
# instantiate: the linker could keep the copy with the wider instructions (docs/kernels/README.md).
function(secateur_isa_sources isa)
  set(flags "")
  if(isa MATCHES "^avx")
    set(flags -mavx2 -mfma -mbmi2)
  endif()
  if(isa STREQUAL "avxvnni")
    list(APPEND flags -mavxvnni)
  elseif(isa MATCHES "^avx512")
    list(PREPEND flags -mavx512f -mavx512dq -mavx512bw -mavx512vl)
    list(APPEND flags -mprefer-vector-width=512)
  endif()
  if(isa STREQUAL "avx512vnni")
    list(APPEND flags -mavx512vnni)
  elseif(isa STREQUAL "neonfp16")
    set(flags -march=armv8.2-a+fp16)
  elseif(isa STREQUAL "neondot")
    set(flags -march=armv8.2-a+fp16+dotprod)
  elseif(isa STREQUAL "neoni8mm")
    set(flags -march=armv8.2-a+fp16+dotprod+i8mm)
  endif()
  if(isa MATCHES "^avx" AND NOT SECATEUR_ARCH STREQUAL x86_64)
    return()
  endif()
  if(isa MATCHES "^neon." AND NOT SECATEUR_ARCH STREQUAL aarch64)
    return()
  endif()
  if(isa STREQUAL "neon" AND NOT SECATEUR_ARCH MATCHES "aarch64|arm")
    return()
  endif()
  if(SECATEUR_ARCH STREQUAL arm)
    set(flags -march=armv7-a -mfpu=neon-vfpv4)
  endif()
  if(SECATEUR_ZIG)  # it names features, not architectures
    if(SECATEUR_ARCH STREQUAL arm)
      set(flags -mcpu=generic+v7a+neon+vfp4)
    endif()
    string(REPLACE "-march=armv8.2-a+fp16" "-mcpu=generic+v8_2a+fullfp16" flags "${flags}")
  endif()
  list(APPEND flags -fno-stack-protector)
  if(isa MATCHES "^neon")
    list(APPEND flags -fno-exceptions -fno-asynchronous-unwind-tables)  # they throw nothing; 10 KB of tables
  endif()
  foreach(file IN LISTS ARGN)
    target_sources(secateur PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
    set_source_files_properties("${CMAKE_CURRENT_SOURCE_DIR}/${file}" TARGET_DIRECTORY secateur
      PROPERTIES COMPILE_OPTIONS "${flags}")
  endforeach()
endfunction()
