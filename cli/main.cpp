#include <cstdio>
#include <exception>

#include "cli/program.h"

int main(int argc, char** argv) {
  try {
    return cloister::cli::run(argc, argv);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "error: An unexpected failure: %s\n  next: Please report it.\n",
                 problem.what());
    return 1;
  }
}
