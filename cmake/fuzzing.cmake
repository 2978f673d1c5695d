# libFuzzer targets. The rooms are built by g++; what is fuzzed is compiled again by clang with its
# instrumentation, object by object, so that ccache and Ninja work as they do elsewhere.
find_program(CLOISTER_CLANGXX NAMES clang++-14 clang++)
if(CLOISTER_CLANGXX AND NOT DEFINED CLOISTER_FUZZER_RUNTIME)
  file(WRITE ${CMAKE_BINARY_DIR}/fuzzer_probe.cpp
    "extern \"C\" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }\n")
  execute_process(COMMAND ${CLOISTER_CLANGXX} -fsanitize=fuzzer,address,undefined ${CMAKE_BINARY_DIR}/fuzzer_probe.cpp
    -o ${CMAKE_BINARY_DIR}/fuzzer_probe RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
  if(failed EQUAL 0)
    set(CLOISTER_FUZZER_RUNTIME ON CACHE INTERNAL "clang can link fuzz targets")
  else()
    set(CLOISTER_FUZZER_RUNTIME OFF CACHE INTERNAL "clang can link fuzz targets")
  endif()
endif()

# fuzz_program(<name> SOURCES <relative to the root> INCLUDES ... LIBS ... DEPENDS ...)
function(fuzz_program name)
  cmake_parse_arguments(F "" "" "SOURCES;INCLUDES;LIBS;DEPENDS" ${ARGN})
  set(flags -std=c++20 -O1 -g1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -DFMT_SHARED
    -DSPDLOG_SHARED_LIB -DSPDLOG_COMPILED_LIB -DSPDLOG_FMT_EXTERNAL -DCLOISTER_VERSION="fuzz"
    -include ${CMAKE_SOURCE_DIR}/tests/support/clang14_source_location.h -I${CMAKE_SOURCE_DIR})
  foreach(folder IN LISTS F_INCLUDES)
    list(APPEND flags -isystem ${folder})
  endforeach()
  set(objects)
  foreach(source IN LISTS F_SOURCES)
    string(REPLACE "/" "_" object "${source}")
    set(object ${CMAKE_BINARY_DIR}/fuzz/${name}/${object}.o)
    if(IS_ABSOLUTE ${source})
      set(from ${source})
    else()
      set(from ${CMAKE_SOURCE_DIR}/${source})
    endif()
    add_custom_command(OUTPUT ${object} DEPENDS ${from} ${F_DEPENDS} DEPFILE ${object}.d
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/fuzz/${name}
      COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} ${CLOISTER_CLANGXX} ${flags} -MD -MF ${object}.d -MT ${object} -c ${from} -o ${object}
      COMMENT "Fuzzing ${source}" VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  add_custom_command(OUTPUT ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/${name} DEPENDS ${objects}
    COMMAND ${CLOISTER_CLANGXX} -fsanitize=fuzzer,address,undefined ${objects} ${F_LIBS} -o ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/${name}
    COMMENT "Linking ${name}" VERBATIM)
  add_custom_target(${name} ALL DEPENDS ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/${name})
endfunction()

# fuzz_tests(<program> <seeds folder> <parser>...): each a few seconds, from seeds that the fixture
# `fuzz-seeds` wrote. Found inputs stay in the build folder.
function(fuzz_tests program)
  foreach(parser IN LISTS ARGN)
    set(found ${CMAKE_BINARY_DIR}/fuzz/found/${parser})
    file(MAKE_DIRECTORY ${found})
    add_test(NAME "the parser of ${parser} stands up to the fuzzer"
      COMMAND ${CMAKE_COMMAND} -E env FUZZ_PARSER=${parser} ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/${program}
        -max_total_time=3 -max_len=8192 -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0
        -artifact_prefix=${found}/ ${found} ${CMAKE_BINARY_DIR}/fuzz/seeds/${parser})
    set_tests_properties("the parser of ${parser} stands up to the fuzzer" PROPERTIES
      LABELS unit TIMEOUT 120 FIXTURES_REQUIRED fuzz-seeds)
  endforeach()
endfunction()
