#include "cli/seen_head.h"

#include "base/file.h"
#include "base/log.h"
#include "crypto/hash.h"
#include "provenance/tiles.h"
#include "provenance/witness.h"

namespace cloister::cli {
namespace {

std::filesystem::path seen_file(const std::filesystem::path& home) { return home / "seen-head"; }

constexpr const char* believe_nothing =
    "Believe no answer of this coordinator; show the file to the other members, whose agents keep "
    "heads of their own. Once the consortium has settled which history holds, move 'seen-head' out "
    "of this home: the next command begins anew.";

Result<std::filesystem::path> save(const std::filesystem::path& home, const std::string& text) {
  const auto digest = crypto::sha256(as_bytes(text));
  const auto file = home / "evidence" / fmt::format("fork-{}.txt", short_hex(digest));
  if (auto ok = make_folder(file.parent_path()); !ok) return pass(ok);
  if (auto ok = write_text(file, text, FileMode::owner_only); !ok) return pass(ok);
  return file;
}

// Keeps both heads for people who did not see them, and says where to whoever did.
tl::unexpected<Error> with_evidence(tl::unexpected<Error> alarm, const std::filesystem::path& home,
                                    const SeenHead& seen, const Replica& replica) {
  std::string& what = alarm.value().what;
  const auto saved = save(home, provenance::to_text({what, seen.note, replica.checkpoint}));
  what += saved ? fmt::format(" Both signed heads are in {}.", saved->string())
                : fmt::format(" Both signed heads could not be saved: {}", saved.error().what);
  return alarm;
}

// Another command may have seen more since `seen` was read: the larger head stays.
void keep(const std::filesystem::path& home, const provenance::NoteKey& log,
          const Replica& replica) {
  const auto now = read_seen_head(home, log);
  if (now && *now && (*now)->head.size >= replica.head.size) return;
  const auto kept = now ? write_text(seen_file(home), provenance::to_text(replica.checkpoint))
                        : Result<void>(pass(now));
  if (!kept) log_warn(kept.error().code, {{"what", kept.error().what}});  // the answer is right
}

}  // namespace

Result<std::optional<SeenHead>> read_seen_head(const std::filesystem::path& home,
                                               const provenance::NoteKey& log) {
  const auto text = read_text(seen_file(home), provenance::note_bytes_max);
  if (!text && text.error().kind == Kind::not_found) return std::optional<SeenHead>();
  if (!text) return pass(text);
  auto note = provenance::parse_note(*text);
  if (note) {
    const auto checkpoint = provenance::open_checkpoint(*note, log);
    if (checkpoint) return std::optional(SeenHead{std::move(*note), checkpoint->head});
  }
  return fail(
      Kind::corrupt, "audit.seen_head",
      fmt::format("{} holds no head of the ledger '{}'.", seen_file(home).string(), log.name),
      "Find out who changed it; moved away, the next command begins anew.");
}

Result<void> check_seen_head(const std::filesystem::path& home, const provenance::NoteKey& log,
                             const std::optional<SeenHead>& seen, const Replica& replica) {
  const provenance::TreeHead& head = replica.head;
  if (seen && seen->head.size > head.size) {
    return with_evidence(
        fail(Kind::corrupt, "audit.rollback",
             fmt::format("The ledger has {} records, but {} were seen from here before.", head.size,
                         seen->head.size),
             believe_nothing),
        home, *seen, replica);
  }
  if (seen) {
    const provenance::LedgerTiles tiles(replica.ledger);
    const auto root = provenance::tree_root(provenance::TileNodes(tiles), seen->head.size);
    if (!root) return pass(root);
    if (*root != seen->head.root) {
      return with_evidence(
          fail(Kind::corrupt, "audit.fork",
               fmt::format("The ledger's first {} records are not those seen from here before.",
                           seen->head.size),
               believe_nothing),
          home, *seen, replica);
    }
  }
  keep(home, log, replica);
  return {};
}

}  // namespace cloister::cli
