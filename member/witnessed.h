// Whether a quorum of a study's sites has cosigned the history that a record stands in: asked
// before a member acts on what somebody let out. The coordinator carries the evidence and is not
// believed; every proof and signature is checked here.
//
//   the record's leaf --inclusion--> a head that we believed --consistency--> checkpoints that the
//   log signed and the agents of enough sites cosigned
//
// So the sites and we have seen one history up to our head, and the record is in it. A coordinator
// that shows us another history than the sites cannot bring their cosignatures over it. Stopping
// needs none of this: a withdrawal takes effect as soon as it is heard of.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/digest.h"
#include "member/membership.h"
#include "member/study.h"
#include "protocol/messages.h"
#include "provenance/note.h"

namespace cloister::member {

struct WitnessQuestion {
  Digest record;     // leaf hash
  std::string head;  // signed note that we believed when we first asked; stays while we ask again
};
// "witnessed" of docs/protocol.md, "Answers to `Ask`".
[[nodiscard]] protocol::Ask to_ask(const WitnessQuestion& question);

// The answer, once it is read. "witness.answer": it cannot be.
struct WitnessAnswer {
  provenance::TreeHead head;  // that was asked about: ours
  std::string log;            // its name
  std::optional<std::uint64_t> index;
  std::vector<Digest> inclusion;
  struct Cosigned {
    provenance::Note checkpoint;
    std::vector<Digest> consistency;
  };
  std::vector<Cosigned> heads;
};
[[nodiscard]] Result<WitnessAnswer> read_answer(const WitnessQuestion& question,
                                                const protocol::Told& told);

// Whether it proves that the record stands in our head.
[[nodiscard]] bool proves_record(const WitnessAnswer& answer, const Digest& record);
// The study's sites whose agents cosigned what extends our head. What proves nothing is passed
// over.
[[nodiscard]] std::set<std::string> witnesses(const WitnessAnswer& answer, const Study& study,
                                              const Membership& membership);
// As many sites as the plan asks for before anything is trained.
[[nodiscard]] bool is_quorum(const std::set<std::string>& sites, const Study& study);

}  // namespace cloister::member
