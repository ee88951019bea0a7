# What a source distribution (sdist) carries so that it builds where FlatBuffers is not installed: the header
# that flatc makes of the schema, and FlatBuffers' own headers. Made when the sdist is (pyproject.toml asks
# for it; scikit-build-core then configures with SKBUILD_STATE=sdist), and used only while the schema is
# the one that it was made from.
set(SECATEUR_VENDORED "${CMAKE_CURRENT_SOURCE_DIR}/vendored")

function(secateur_vendor schema)
  find_program(SECATEUR_FLATC flatc)
  find_path(SECATEUR_FLATBUFFERS_INCLUDE flatbuffers/flatbuffers.h PATHS /usr/include)
  if(NOT SECATEUR_FLATC OR NOT SECATEUR_FLATBUFFERS_INCLUDE)
    message(FATAL_ERROR "secateur: an sdist is made where FlatBuffers is installed "
      "(apt-get install flatbuffers-compiler libflatbuffers-dev), so that it builds where it is not")
  endif()
  file(REMOVE_RECURSE "${SECATEUR_VENDORED}")
  execute_process(COMMAND "${SECATEUR_FLATC}" --cpp --scoped-enums
    -o "${SECATEUR_VENDORED}/generated/format" "${schema}" RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "secateur: flatc could not read ${schema}")
  endif()
  # What the generated header reads, and what that reads.
  set(left flatbuffers/flatbuffers.h)
  while(left)
    list(POP_FRONT left header)
    file(READ "${SECATEUR_FLATBUFFERS_INCLUDE}/${header}" text)
    configure_file("${SECATEUR_FLATBUFFERS_INCLUDE}/${header}" "${SECATEUR_VENDORED}/${header}" COPYONLY)
    string(REGEX MATCHALL "#include \"flatbuffers/[a-z_]+\\.h\"" includes "${text}")
    foreach(include IN LISTS includes)
      string(REGEX REPLACE "^.*\"(.*)\"$" "\\1" include "${include}")
      if(NOT EXISTS "${SECATEUR_VENDORED}/${include}" AND EXISTS "${SECATEUR_FLATBUFFERS_INCLUDE}/${include}")
        list(APPEND left "${include}")
      endif()
    endforeach()
    list(REMOVE_DUPLICATES left)
  endwhile()
  file(SHA256 "${schema}" sum)
  file(WRITE "${SECATEUR_VENDORED}/schema.sha256" "${sum}\n")
endfunction()

# Whether what is there fits the schema.
function(secateur_has_vendored schema result)
  set(${result} OFF PARENT_SCOPE)
  if(EXISTS "${SECATEUR_VENDORED}/schema.sha256")
    file(STRINGS "${SECATEUR_VENDORED}/schema.sha256" made_of)
    file(SHA256 "${schema}" sum)
    if(made_of STREQUAL sum)
      set(${result} ON PARENT_SCOPE)
    endif()
  endif()
endfunction()
