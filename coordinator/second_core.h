// A second core for tasks that share nothing. (Blobs are hashed beside their write:
// storage/blob_writer.cpp.) All state stays with the thread that calls.
#pragma once

#include "provenance/sequencer.h"

namespace cloister::coordinator {

// Two threads take one task after another; the second one is gone when the call returns. Whichever
// gets a core does more: the ledger is often being written meanwhile. Too few tasks to be worth a
// thread, or a machine that has no thread to give: all of them here.
void spread_over_two_cores(std::size_t count, const std::function<void(std::size_t)>& task);

}  // namespace cloister::coordinator
