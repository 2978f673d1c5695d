// The newest checkpoint that each member cosigned: how sites learn of each other's heads, and so
// how a fork shows. In memory; members send theirs again with their next Poll.
#pragma once

#include <map>
#include <vector>

#include "coordinator/core/membership.h"
#include "provenance/note.h"

namespace cloister::coordinator {

class Heads {
 public:
  // `checkpoint`: ours, of the size that the member says. A cosignature that is not the member's is
  // refused ("head.cosignature"): that is an outcome to be told, not passed on.
  [[nodiscard]] Result<void> keep(const Member& member, const provenance::Note& checkpoint,
                                  BytesView line);
  // Of members of other sites, as notes.
  [[nodiscard]] std::vector<Bytes> of_others(const Member& member) const;
  // Checkpoints of this size or more that agents of sites cosigned, the newest that each of them
  // said, with those cosignatures; in several notes where one would hold too many.
  [[nodiscard]] std::vector<provenance::Note> of_sites(std::uint64_t size) const;
  // The checkpoint with the cosignatures that are known for it.
  [[nodiscard]] provenance::Note cosigned(const provenance::Note& checkpoint) const;

 private:
  struct Head {
    std::string site;
    std::uint64_t size = 0;
    std::string text;  // of the checkpoint
    provenance::NoteSignature log;
    provenance::NoteSignature line;
  };
  std::map<MemberId, Head> heads_;
};

}  // namespace cloister::coordinator
