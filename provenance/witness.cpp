#include "provenance/witness.h"

namespace cloister::provenance {
namespace {

Refused refused(int status, Error error) { return {status, std::move(error), std::nullopt}; }

Error error_of(Kind kind, std::string_view code, std::string what, std::string next = {}) {
  return {kind, std::string(code), std::move(what), std::move(next)};
}

Refused forked(const std::string& reason, const Note& seen, const Note& offered, int status) {
  Error error = error_of(Kind::conflict, "witness.fork", reason,
                         "Keep the evidence file and call the consortium: the log was rewritten.");
  return {status, std::move(error), ForkEvidence{reason, seen, offered}};
}

}  // namespace

std::string to_text(const ForkEvidence& evidence) {
  return fmt::format(
      "The log contradicts itself: {}\n"
      "Both notes below carry the log's own signature. A log that keeps its word never signs "
      "both.\n"
      "Each is a C2SP signed note: check the signatures over the lines above the empty line.\n"
      "\n--- seen before ---\n{}\n--- offered now ---\n{}",
      evidence.reason, to_text(evidence.seen), to_text(evidence.offered));
}

WitnessReply Witness::check(const std::optional<Note>& last, const AddCheckpoint& request,
                            const crypto::SecretKey& key, Instant now) const {
  const auto offered = parse_checkpoint(request.checkpoint.text);
  if (!offered) return refused(400, offered.error());
  if (offered->origin != log_.name) {
    return refused(404, error_of(Kind::not_found, "witness.unknown_log",
                                 fmt::format("No log '{}' is known here.", offered->origin)));
  }
  if (const auto opened = open_checkpoint(request.checkpoint, log_); !opened) {
    return refused(403, opened.error());
  }
  if (request.old_size > offered->head.size) {
    return refused(400, error_of(Kind::invalid, "witness.old_size",
                                 "The old size is larger than the checkpoint's."));
  }
  TreeHead known{0, empty_root()};
  if (last) {
    const auto remembered = open_checkpoint(*last, log_);
    if (!remembered) return refused(400, remembered.error());
    known = remembered->head;
  }
  if (last && offered->head.size < known.size) {
    return WrongOldSize{
        known.size,
        ForkEvidence{
            fmt::format("a checkpoint of size {} was offered after one of size {} had been "
                        "cosigned",
                        offered->head.size, known.size),
            *last, request.checkpoint}};
  }
  if (offered->head.size == known.size && offered->head.root != known.root && last) {
    return forked(fmt::format("two different trees of size {}", known.size), *last,
                  request.checkpoint, 409);
  }
  if (request.old_size != known.size) return WrongOldSize{known.size, std::nullopt};
  if (const auto good = verify_consistency(known, offered->head, request.proof); !good) {
    if (!last) return refused(422, good.error());
    return forked(
        fmt::format("no valid proof came with it that the tree of size {} begins with the "
                    "tree of size {}",
                    offered->head.size, known.size),
        *last, request.checkpoint, 422);
  }
  Note head{request.checkpoint.text, {}};
  for (const auto& signature : request.checkpoint.signatures) {
    if (signature.name == log_.name && signature.key_id == log_.id()) {
      head.signatures.push_back(signature);
    }
  }
  NoteSignature signature = cosign(head.text, name_, key, now);
  head.signatures.push_back(signature);
  return Cosigned{std::move(head), std::move(signature)};
}

Result<std::optional<ForkEvidence>> Witness::compare(const Note& ours, const Note& theirs) const {
  const auto a = open_checkpoint(ours, log_);
  const auto b = open_checkpoint(theirs, log_);
  if (!a) return pass(a);
  if (!b) return pass(b);
  if (a->head.size != b->head.size) {
    return fail(Kind::stale, "witness.needs_proof",
                fmt::format("The heads have sizes {} and {}; a consistency proof must join them.",
                            a->head.size, b->head.size),
                "Ask the log for the proof between the two sizes.");
  }
  if (a->head == b->head) return std::optional<ForkEvidence>();
  return ForkEvidence{fmt::format("two different trees of size {}", a->head.size), ours, theirs};
}

Result<std::optional<ForkEvidence>> Witness::compare(const Note& ours, const Note& theirs,
                                                     std::span<const Digest> proof) const {
  const auto a = open_checkpoint(ours, log_);
  const auto b = open_checkpoint(theirs, log_);
  if (!a) return pass(a);
  if (!b) return pass(b);
  const bool ours_is_older = a->head.size <= b->head.size;
  const TreeHead& older = ours_is_older ? a->head : b->head;
  const TreeHead& newer = ours_is_older ? b->head : a->head;
  if (verify_consistency(older, newer, proof)) return std::optional<ForkEvidence>();
  return ForkEvidence{fmt::format("no valid proof that the tree of size {} begins with the tree of "
                                  "size {}",
                                  newer.size, older.size),
                      ours, theirs};
}

int reply_status(const WitnessReply& reply) {
  if (std::holds_alternative<Cosigned>(reply)) return 200;
  if (std::holds_alternative<WrongOldSize>(reply)) return 409;
  return std::get<Refused>(reply).status;
}

std::string reply_body(const WitnessReply& reply) {
  if (const auto* good = std::get_if<Cosigned>(&reply)) return to_line(good->signature);
  if (const auto* wrong = std::get_if<WrongOldSize>(&reply)) {
    return fmt::format("{}\n", wrong->size);
  }
  return to_string(std::get<Refused>(reply).error) + "\n";
}

}  // namespace cloister::provenance
