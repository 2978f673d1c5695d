# cmake -D OUT=... -P fold_build.cmake -- SOURCES...   writes the source of fold_build() (fold.h).
set(hashes "")
set(names FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
  if(names)
    file(SHA256 "${CMAKE_ARGV${i}}" hash)
    get_filename_component(name "${CMAKE_ARGV${i}}" NAME)
    string(APPEND hashes "${name} ${hash}\n")
  endif()
  if(CMAKE_ARGV${i} STREQUAL "--")
    set(names TRUE)
  endif()
endforeach()
string(SHA256 build "${hashes}")
file(WRITE "${OUT}" "#include \"coordinator/core/fold.h\"
namespace cloister::coordinator {
std::string_view fold_build() { return \"${build}\"; }
}  // namespace cloister::coordinator
")
