// Bounds on everything that crosses a process border. Each has its reason; tests try both sides.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace cloister::protocol::limits {

// One control message (envelope and body). Polls with many jobs are the largest.
inline constexpr std::size_t message_bytes_max = 1U << 20;
// One blob chunk: large enough that per-message costs vanish, small enough to resume cheaply.
inline constexpr std::size_t chunk_bytes_max = 1U << 20;
// What ZeroMQ accepts in one frame: a chunk or a message with some room.
inline constexpr std::size_t frame_bytes_max = (1U << 20) + (64U << 10);
// Chunks a sender may have under way without an answer: 8 MiB of memory a transfer.
inline constexpr std::uint32_t chunk_credit = 8;
// Largest blob: an encoded shard of one patient in `full` is about 1 GiB.
inline constexpr std::uint64_t blob_bytes_max = 64ULL << 30;
// Records in one Submit, and entries in one Records answer.
inline constexpr std::size_t records_max = 256;
// One DSSE envelope. A plan, a gate report or a manifest is the largest.
inline constexpr std::size_t envelope_bytes_max = 256U << 10;
inline constexpr std::size_t jobs_in_work_max = 512;
inline constexpr std::size_t studies_in_work_max = 64;
inline constexpr std::size_t members_max = 4096;
inline constexpr std::size_t wraps_max = 4096;
inline constexpr std::size_t text_bytes_max = 256U << 10;
// Names, phases, codes; sentences for people; an answer to a person's question, which fills a
// message; the figures of a job's progress.
inline constexpr std::size_t word_bytes_max = 100;
inline constexpr std::size_t sentence_bytes_max = 4U << 10;
inline constexpr std::size_t told_bytes_max = message_bytes_max - (64U << 10);
inline constexpr std::size_t metrics_bytes_max = 16U << 10;
// A signed note with the cosignatures of a few hundred sites.
inline constexpr std::size_t checkpoint_bytes_max = 64U << 10;
// One shard a patient, and a manifest of one site at most.
inline constexpr std::size_t digests_in_job_max = 4096;
inline constexpr std::size_t wrap_bytes_max = 4U << 10;
// Elements of all lists of one message together: what decoding may allocate is this many objects.
inline constexpr std::size_t elements_max = 16'384;
inline constexpr std::size_t nonce_bytes = 16;
// RFC 6962 proofs of a tree with 2^63 leaves.
inline constexpr std::size_t proof_hashes_max = 63;
// How deep Protocol Buffers may nest; our deepest message has five levels.
inline constexpr int recursion_max = 16;

// --- The time constants of the system. Liveness is progress; these only bound waiting.
// ------------ A held-back Poll is answered at the latest after this long: below common NAT idle
// limits.
inline constexpr Duration poll_wait_max{20'000};
// A request without an answer is repeated after this long.
inline constexpr Duration request_repeat{5'000};
// A member not heard of for this long is shown as silent (nothing else happens).
inline constexpr Duration silent_after{60'000};
// An attempt without progress for this long is offered again under a new attempt number.
inline constexpr Duration lease{120'000};
// Enrolment tokens (provenance-formats, section 6).
inline constexpr Duration token_life{15 * 60'000};

// Not a time-out, nothing is refused by it: when people are reminded to renew a key.
inline constexpr Duration key_life{365LL * 24 * 3600 * 1000};
inline constexpr Duration key_warning{30LL * 24 * 3600 * 1000};

}  // namespace cloister::protocol::limits
