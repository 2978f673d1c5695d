// A second core for tasks that share nothing. (Blobs are hashed beside their write:
// storage/blob_writer.cpp.) All state stays with the thread that calls.
#pragma once

#include "provenance/sequencer.h"

namespace cloister::coordinator {

// Half of the tasks on a thread of its own, which is gone when the call returns; too few of them to
// be worth a thread, or a machine that has no thread to give: all of them here.
void spread_over_two_cores(std::size_t count, const std::function<void(std::size_t)>& task);

}  // namespace cloister::coordinator
