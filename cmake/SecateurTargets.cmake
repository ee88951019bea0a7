# Compile options that every target of the project shares, and the flags of each instruction set.

add_library(secateur_options INTERFACE)
target_compile_features(secateur_options INTERFACE cxx_std_17)
target_compile_options(secateur_options INTERFACE -Wall -Wextra -Wpedantic -fvisibility=hidden
  -ffunction-sections -fdata-sections -ffp-contract=off)
target_link_options(secateur_options INTERFACE -Wl,--gc-sections)
if(SECATEUR_WERROR)
  target_compile_options(secateur_options INTERFACE -Werror)
endif()

# secateur_isa_sources(<isa> <file>...): adds kernel files to the library `secateur` with the flags of
# that instruction set and no others. Such files call no inline function that another file may also
# instantiate: the linker could keep the copy with the wider instructions (docs/kernels/README.md).
function(secateur_isa_sources isa)
  set(flags "")
  if(isa STREQUAL "avx2")
    set(flags -mavx2 -mfma -mbmi2)
  elseif(isa STREQUAL "avx512")
    set(flags -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -mbmi2 -mprefer-vector-width=512)
  endif()
  if(isa MATCHES "^avx" AND NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    return()
  endif()
  if(isa MATCHES "^neon" AND NOT CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    return()
  endif()
  foreach(file IN LISTS ARGN)
    target_sources(secateur PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
    set_source_files_properties("${CMAKE_CURRENT_SOURCE_DIR}/${file}" TARGET_DIRECTORY secateur
      PROPERTIES COMPILE_OPTIONS "${flags}")
  endforeach()
endfunction()
