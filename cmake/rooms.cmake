# The rooms and the arrows between them. An arrow that is not in this table is an error at configure
# time; tests/tidy reads the same table and checks every #include against it.
#
# folder            may use
set(CLOISTER_ARROWS
  "base             -> "
  "crypto           -> base"
  "protocol         -> base config"
  "config           -> base"
  "metrics          -> base"
  "storage          -> base crypto"
  "imaging          -> base"
  "tensorfile       -> base"
  "provenance       -> base crypto protocol"
  "transport        -> base crypto protocol"
  "networks         -> base imaging tensorfile"
  "privacy          -> base imaging networks tensorfile"
  "coordinator/core -> base crypto protocol provenance"
  "member           -> base crypto protocol provenance"
  "site-agent/core  -> base crypto protocol provenance member"
  "trainer/core     -> base crypto protocol provenance member"
  "worker-host      -> base crypto protocol"
  "report           -> base protocol provenance"
  "exports          -> base crypto protocol provenance"
  "onnx-export      -> base tensorfile"
  "coordinator      -> base config crypto metrics protocol provenance storage transport coordinator/core"
  "member-shell     -> base config crypto metrics protocol provenance storage transport worker-host member"
  "site-agent       -> base config crypto protocol provenance storage transport worker-host member member-shell site-agent/core"
  "trainer          -> base config crypto protocol provenance storage transport worker-host member member-shell trainer/core"
  "worker           -> base crypto protocol imaging networks privacy tensorfile"
  "cli              -> base config crypto protocol provenance transport member report exports onnx-export"
  "verify           -> base crypto protocol provenance")

set(CLOISTER_ROOM_FOLDERS base config metrics crypto protocol storage tensorfile imaging provenance transport networks privacy
  worker-host member member-shell report exports onnx-export coordinator/core site-agent/core trainer/core coordinator site-agent trainer
  worker cli verify)
if(NOT CLOISTER_TORCH)
  list(REMOVE_ITEM CLOISTER_ROOM_FOLDERS imaging networks privacy worker)
endif()

if(CLOISTER_NETWORKS_ONLY)
  set(CLOISTER_ROOM_FOLDERS base tensorfile networks)
endif()

function(_cloister_target_name out folder)
  string(REPLACE "/" "_" name "${folder}")
  string(REPLACE "-" "_" name "${name}")
  set(${out} "${name}" PARENT_SCOPE)
endfunction()

function(_cloister_allowed out folder)
  foreach(line IN LISTS CLOISTER_ARROWS)
    if(line MATCHES "^([^ ]+) +-> ?(.*)$" AND CMAKE_MATCH_1 STREQUAL folder)
      string(REGEX MATCHALL "[^ ]+" rooms "${CMAKE_MATCH_2}")
      set(${out} "${rooms}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "Room '${folder}' is not in the table of cmake/rooms.cmake.")
endfunction()

function(_cloister_check_arrows folder)
  _cloister_allowed(allowed ${folder})
  foreach(target_room IN LISTS ARGN)
    if(NOT target_room IN_LIST allowed)
      message(FATAL_ERROR "Room '${folder}' may not use '${target_room}': it is not in the table of "
        "cmake/rooms.cmake. Turn the arrow round, move the code, or change the table and say why in "
        "docs/decisions/.")
    endif()
  endforeach()
endfunction()

# room(<folder> HEADERS ... SOURCES ... ROOMS ... PACKAGES ... PUBLIC_PACKAGES ...)
# A static library cloister::<name> (name: folder with - and / as _). Third-party packages are
# private, so their headers cannot be reached through a room by accident.
function(room folder)
  cmake_parse_arguments(R "" "" "HEADERS;SOURCES;ROOMS;PACKAGES;PUBLIC_PACKAGES" ${ARGN})
  _cloister_check_arrows(${folder} ${R_ROOMS})
  _cloister_target_name(name ${folder})
  add_library(cloister_${name} STATIC ${R_SOURCES} ${R_HEADERS})
  add_library(cloister::${name} ALIAS cloister_${name})
  set_target_properties(cloister_${name} PROPERTIES LINKER_LANGUAGE CXX)
  target_include_directories(cloister_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(cloister_${name} PRIVATE cloister_build_rules ${R_PACKAGES}
    PUBLIC ${R_PUBLIC_PACKAGES})
  foreach(used IN LISTS R_ROOMS)
    _cloister_target_name(used_name ${used})
    target_link_libraries(cloister_${name} PUBLIC cloister::${used_name})
  endforeach()
endfunction()

# program(<executable> FOLDER <folder> SOURCES ... ROOMS ... PACKAGES ...)
function(program executable)
  cmake_parse_arguments(P "" "FOLDER" "SOURCES;ROOMS;PACKAGES" ${ARGN})
  set(others ${P_ROOMS})
  list(REMOVE_ITEM others ${P_FOLDER})  # a program may use the library of its own room
  _cloister_check_arrows(${P_FOLDER} ${others})
  add_executable(${executable} ${P_SOURCES})
  target_include_directories(${executable} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${executable} PRIVATE cloister_build_rules ${P_PACKAGES})
  foreach(used IN LISTS P_ROOMS)
    _cloister_target_name(used_name ${used})
    target_link_libraries(${executable} PRIVATE cloister::${used_name})
  endforeach()
endfunction()
