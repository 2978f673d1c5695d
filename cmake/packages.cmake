# Debian packages only. Each is used by the rooms named in `cmake/rooms.cmake`.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt 9 CONFIG REQUIRED)
find_package(spdlog 1.10 CONFIG REQUIRED)
find_package(Protobuf 3.21 REQUIRED)
find_package(cppzmq CONFIG REQUIRED)
find_package(RocksDB CONFIG REQUIRED)
find_package(nlohmann_json 3.11 CONFIG REQUIRED)
find_package(tomlplusplus CONFIG REQUIRED)
find_package(OpenSSL 3 REQUIRED COMPONENTS Crypto)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(seccomp REQUIRED IMPORTED_TARGET libseccomp)
find_path(CLI11_INCLUDE_DIR CLI/CLI.hpp REQUIRED)
if(CLOISTER_TESTS)
  find_package(Catch2 2.13 CONFIG REQUIRED)
endif()
if(CLOISTER_TORCH)
  find_package(Torch CONFIG REQUIRED)
  find_package(ITK 5.2 REQUIRED COMPONENTS
    ITKCommon ITKIOImageBase ITKIONIFTI ITKImageGrid ITKImageFunction ITKDistanceMap
    ITKConnectedComponents ITKThresholding ITKImageIntensity ITKSmoothing ITKIOPNG
    ITKLabelMap ITKImageStatistics ITKImageFeature)
endif()
