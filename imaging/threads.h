// How many threads image filters may use in this process.
#pragma once

namespace cloister::imaging {

// Call once at start. 0 leaves the library's choice (one a core).
void set_filter_threads(unsigned threads);

}  // namespace cloister::imaging
