# C++ dependencies: the system's first, then what an sdist carries, then a pinned download for those who
# have a network, else one line that says what to install.

include(FetchContent)

# FlatBuffers: headers (read and write) and flatc (build time only).
find_program(SECATEUR_FLATC flatc)
find_path(SECATEUR_FLATBUFFERS_INCLUDE flatbuffers/flatbuffers.h PATHS /usr/include
  NO_CMAKE_FIND_ROOT_PATH)
set(SECATEUR_USE_VENDORED OFF)
if(NOT SECATEUR_FLATC OR NOT SECATEUR_FLATBUFFERS_INCLUDE)
  secateur_has_vendored("${CMAKE_CURRENT_SOURCE_DIR}/csrc/format/model.fbs" SECATEUR_USE_VENDORED)
endif()
if(SECATEUR_USE_VENDORED)
  set(SECATEUR_FLATBUFFERS_INCLUDE "${SECATEUR_VENDORED}")
elseif(NOT SECATEUR_FLATC OR NOT SECATEUR_FLATBUFFERS_INCLUDE)
  if(CMAKE_CROSSCOMPILING)
    message(FATAL_ERROR "secateur: FlatBuffers not found. Install flatbuffers-compiler and "
      "libflatbuffers-dev on the build machine (apt-get install flatbuffers-compiler libflatbuffers-dev).")
  endif()
  set(FLATBUFFERS_BUILD_TESTS OFF CACHE BOOL "" FORCE)
  set(FLATBUFFERS_INSTALL OFF CACHE BOOL "" FORCE)
  set(archive "${CMAKE_CURRENT_BINARY_DIR}/flatbuffers-v23.5.26.tar.gz")
  message(STATUS "secateur: FlatBuffers not found on this system, downloading it")
  file(DOWNLOAD https://github.com/google/flatbuffers/archive/refs/tags/v23.5.26.tar.gz "${archive}"
    INACTIVITY_TIMEOUT 20 STATUS downloaded)
  if(NOT downloaded MATCHES "^0;")
    message(FATAL_ERROR
      "secateur: FlatBuffers is missing: apt-get install flatbuffers-compiler libflatbuffers-dev")
  endif()
  FetchContent_Declare(flatbuffers
    URL "${archive}"
    URL_HASH SHA256=1cce06b17cddd896b6d73cc047e36a254fb8df4d7ea18a46acf16c4c0cd3f3f3)
  FetchContent_MakeAvailable(flatbuffers)
  set(SECATEUR_FLATC $<TARGET_FILE:flatc>)
  set(SECATEUR_FLATBUFFERS_INCLUDE "${flatbuffers_SOURCE_DIR}/include")
endif()
# The headers alone, through a link in the build tree: /usr/include itself must not enter a cross build.
set(SECATEUR_FLATBUFFERS_STAGE "${CMAKE_CURRENT_BINARY_DIR}/flatbuffers-include")
file(MAKE_DIRECTORY "${SECATEUR_FLATBUFFERS_STAGE}")
file(CREATE_LINK "${SECATEUR_FLATBUFFERS_INCLUDE}/flatbuffers"
  "${SECATEUR_FLATBUFFERS_STAGE}/flatbuffers" SYMBOLIC)

if(SECATEUR_BUILD_TESTS)
  set(INSTALL_GTEST OFF CACHE BOOL "" FORCE)
  if(EXISTS /usr/src/googletest/CMakeLists.txt)
    # Debian's source package: built with this build's own flags, also across architectures.
    add_subdirectory(/usr/src/googletest "${CMAKE_CURRENT_BINARY_DIR}/googletest" EXCLUDE_FROM_ALL)
    # Nothing waits for it to run, and its own code is not what sanitizers look at.
    target_compile_options(gtest PRIVATE -O0 -fno-sanitize=all)
    if(NOT TARGET GTest::gtest_main)
      add_library(GTest::gtest_main ALIAS gtest_main)
    endif()
  else()
    find_package(GTest QUIET)
    if(NOT GTest_FOUND)
      message(STATUS "secateur: GoogleTest not found, downloading it (or: apt-get install libgtest-dev)")
      FetchContent_Declare(googletest
        URL https://github.com/google/googletest/archive/refs/tags/v1.14.0.tar.gz
        URL_HASH SHA256=8ad598c73ad796e0d8280b082cebd82a630d73e73cd3c70057938a6501bba5d7)
      FetchContent_MakeAvailable(googletest)
    endif()
  endif()
endif()

if(SECATEUR_BUILD_BENCHMARKS)
  find_package(benchmark QUIET)
  if(NOT benchmark_FOUND)
    message(FATAL_ERROR "secateur: Google Benchmark not found (apt-get install libbenchmark-dev)")
  endif()
endif()
