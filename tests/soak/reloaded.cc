// A shared library of everything in the static one (CMakeLists.txt); CMake asks for a source.
