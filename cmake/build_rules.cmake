# One interface target carries the standard, warnings, sanitizers and hardening for all our code.
add_library(cloister_build_rules INTERFACE)

target_compile_options(cloister_build_rules INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast -Wnon-virtual-dtor
  -Woverloaded-virtual -Wswitch-enum -Wno-missing-field-initializers
  $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wlogical-op -Wsuggest-override>)

target_compile_options(cloister_build_rules INTERFACE -fstack-protector-strong -fstack-clash-protection)
target_link_options(cloister_build_rules INTERFACE -Wl,-z,relro -Wl,-z,now)
# The glibc checks need optimisation and clash with the sanitizers' own.
if(NOT SANITIZERS AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_options(cloister_build_rules INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()

if(SANITIZERS)
  # The whole build, third-party templates included, so that containers are annotated alike.
  add_compile_options(-fsanitize=${SANITIZERS} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SANITIZERS})
endif()

# mold halves the link time of the worker; any linker works.
find_program(CLOISTER_MOLD mold)
if(CLOISTER_MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_link_options(-fuse-ld=mold)
endif()
