# cmake -DPROGRAM=... -DSTRIP=... -DLIMIT=... -P check_size.cmake: the stripped program is no larger.
set(stripped "${PROGRAM}.stripped")
execute_process(COMMAND "${STRIP}" -o "${stripped}" "${PROGRAM}" COMMAND_ERROR_IS_FATAL ANY)
file(SIZE "${stripped}" size)
message(STATUS "${size} bytes, limit ${LIMIT}")
if(size GREATER LIMIT)
  message(FATAL_ERROR "the stripped program has ${size} bytes, more than ${LIMIT}")
endif()
