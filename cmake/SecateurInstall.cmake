# Installs the library, its two headers, the package that find_package(secateur) reads, and what pkg-config reads.
# A static and a shared build may share a prefix (scripts/sdk.sh): each has a file of targets of its own.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/secateur")

if(BUILD_SHARED_LIBS)
  set(SECATEUR_KIND Shared)
  set(pc secateur)
else()
  set(SECATEUR_KIND Static)
  set(pc secateur-static)
endif()
# The C++ library that the static one needs, so that projects in C alone link it.
if(APPLE OR CMAKE_SYSTEM_NAME STREQUAL "Android" OR SECATEUR_ZIG)
  set(SECATEUR_CXX_RUNTIME c++)
elseif(WIN32)
  set(SECATEUR_CXX_RUNTIME "")
else()
  set(SECATEUR_CXX_RUNTIME stdc++)
endif()

install(TARGETS secateur EXPORT secateurTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT development
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY "${PROJECT_SOURCE_DIR}/csrc/include/secateur"
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
install(EXPORT secateurTargets NAMESPACE secateur:: DESTINATION ${package_dir} COMPONENT development
  FILE secateur${SECATEUR_KIND}Targets.cmake)
configure_file("${PROJECT_SOURCE_DIR}/cmake/${pc}.pc.in" "${PROJECT_BINARY_DIR}/${pc}.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/${pc}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
  COMPONENT development)

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/secateurConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/secateurConfig.cmake" INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file("${PROJECT_BINARY_DIR}/secateurConfigVersion.cmake"
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/secateurConfig.cmake"
  "${PROJECT_BINARY_DIR}/secateurConfigVersion.cmake" DESTINATION ${package_dir} COMPONENT development)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT runtime)
