// What the ledger's records make of the coordinator, and the same written down, so that a start
// needs to replay only what came after.
//
// The bytes are this build's own business: fold_build() names everything that decides them, and
// whoever keeps them (coordinator/fold_store.h) throws away those of another build. So there are
// no versions of this form, no migration, and no way to read an old fold with new rules.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/core/membership.h"
#include "coordinator/core/study.h"
#include "coordinator/core/study_index.h"

namespace cloister::coordinator {

struct Fold {
  Membership membership;
  std::map<StudyId, Study> studies;
  StudyIndex index;
  friend bool operator==(const Fold&, const Fold&) = default;
};

// A piece that is written by itself, because others change without it: "members", "index", or a
// study under "study/" and its name.
struct FoldPart {
  std::string name;
  Bytes bytes;
};
[[nodiscard]] FoldPart part_of(const Membership& membership);
[[nodiscard]] FoldPart part_of(const StudyIndex& index);
[[nodiscard]] FoldPart part_of(const Study& study);
// False: the name or the bytes are none that part_of() gives; then the fold is of no use.
[[nodiscard]] bool read_part(std::string_view name, BytesView bytes, Fold& into);

// SHA-256, hexadecimal, over the sources of this room and of every room that it uses (base, crypto,
// protocol with its messages, provenance): so of all of ours that decides what a record does to the
// fold. Not over libraries and compiler, which decide nothing of it unless they are broken. Made by
// the build (coordinator/core/fold_build.cmake).
[[nodiscard]] std::string_view fold_build();

}  // namespace cloister::coordinator
