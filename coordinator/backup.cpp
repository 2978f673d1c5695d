#include "coordinator/backup.h"

#include "base/file.h"
#include "coordinator/ledger_store.h"
#include "coordinator/outside.h"
#include "provenance/ledger.h"
#include "provenance/tiles.h"
#include "storage/rocks_store.h"

namespace cloister::coordinator {
namespace {

namespace fs = std::filesystem;
using provenance::Note;
using provenance::TreeHead;

constexpr std::size_t portion_bytes = 1U << 20;

Result<void> must_be_free(const fs::path& folder, std::string_view code, std::string_view next) {
  std::error_code problem;
  if (!fs::exists(folder, problem) || fs::is_empty(folder, problem)) return {};
  return fail(Kind::conflict, code, fmt::format("{} is not empty.", folder.string()),
              std::string(next));
}

// Every entry, in portions; the last write is synced.
Result<std::uint64_t> copy_entries(const storage::Reader& from, storage::Store& to) {
  storage::WriteBatch batch;
  std::uint64_t count = 0;
  Result<void> written;
  auto scanned = from.scan({}, {}, [&](BytesView key, BytesView value) {
    batch.put(key, value);
    ++count;
    if (batch.bytes() < portion_bytes) return true;
    written = to.write(batch, storage::Durability::buffered);
    batch = {};
    return written.has_value();
  });
  if (!scanned) return pass(scanned);
  if (!written) return pass(written);
  if (auto ok = to.write(batch, storage::Durability::synced); !ok) return pass(ok);
  return count;
}

tl::unexpected<Error> broken(const std::string& what) {
  return fail(Kind::corrupt, "backup.broken", what,
              "Copy again; if it stays, the database itself is damaged: restore an older copy.");
}

// The newest checkpoint of a whole tree.
Result<Note> newest_of(const provenance::LedgerReader& ledger) {
  const auto head = provenance::checked_head(ledger);
  if (!head) return broken(head.error().what);
  auto note = provenance::newest_checkpoint(ledger);
  if (!note) return pass(note);
  if (!*note) return broken("The copy holds no signed checkpoint.");
  return std::move(**note);
}

Result<provenance::NoteKey> log_key(const provenance::LedgerReader& ledger,
                                    const std::string& log) {
  const auto keys = provenance::all_keys(ledger);
  if (!keys) return pass(keys);
  for (const auto& key : *keys) {
    if (key.role == provenance::Role::coordinator && !key.revoked_at) {
      return provenance::NoteKey{log, provenance::NoteKeyType::ed25519, key.key};
    }
  }
  return broken("The copy binds no coordinator's key.");
}

// A head that somebody saw must be one that the copy's tree extends.
Result<void> check_head(const provenance::LedgerReader& ledger, const TreeHead& seen,
                        const RestoreOptions& options, const std::string& where) {
  const auto head = provenance::ledger_head(ledger);
  if (!head) return pass(head);
  if (seen.size > head->size) {
    if (options.accept_loss) return {};
    return fail(Kind::corrupt, "ledger.rollback",
                fmt::format("The copy holds {} records, but {} were signed ({}).", head->size,
                            seen.size, where),
                "Restore a newer copy. If there is none, --accept-loss restores this one: every "
                "site that saw more stops until a person there has looked at the evidence.");
  }
  const provenance::LedgerTiles tiles(ledger);
  const auto root = provenance::tree_root(provenance::TileNodes(tiles), seen.size);
  if (!root) return pass(root);
  if (*root == seen.root) return {};
  return fail(Kind::corrupt, "ledger.fork",
              fmt::format("The copy is not of the ledger whose head was signed ({}).", where),
              "Keep both as evidence, and tell the consortium.");
}

Result<TreeHead> signed_head(const fs::path& file, const provenance::NoteKey& key) {
  const auto notes = notes_in(file);
  if (!notes) return pass(notes);
  return newest_head(*notes, key);
}

Result<void> check_heads(const provenance::LedgerReader& ledger, const fs::path& home,
                         const provenance::NoteKey& key, const RestoreOptions& options) {
  std::vector<fs::path> files = options.heads;
  std::error_code ignored;
  if (fs::exists(home / "checkpoint", ignored)) files.push_back(home / "checkpoint");
  if (files.empty() && !options.accept_loss) {
    return fail(Kind::conflict, "restore.no_head",
                "Nothing here says how many records had been signed.",
                "Get a head from a site (`cloister site status --json`, field `head`) and name its "
                "file with --head.");
  }
  for (const fs::path& file : files) {
    const auto head = signed_head(file, key);
    if (!head) return pass(head);
    if (auto ok = check_head(ledger, *head, options, file.string()); !ok) return ok;
  }
  return {};
}

}  // namespace

Result<Backup> back_up(const fs::path& home, const fs::path& folder) {
  if (auto ok = must_be_free(folder, "backup.exists", "Name a new folder."); !ok) return pass(ok);
  if (auto ok = make_folder(folder); !ok) return pass(ok);
  storage::RocksOptions looking;
  looking.read_only = true;
  auto from = storage::RocksStore::open(home / "ledger", looking);
  if (!from) return pass(from);
  auto to = storage::RocksStore::open(folder / "ledger");
  if (!to) return pass(to);
  Backup made;
  auto count = copy_entries(**from, **to);
  if (!count) return pass(count);
  made.entries = *count;
  const LedgerStore copy(**to);
  auto note = newest_of(copy);
  if (!note) return pass(note);
  const auto checkpoint = provenance::parse_checkpoint(note->text);
  if (!checkpoint) return pass(checkpoint);
  made.head = checkpoint->head;
  auto kept = write_text(folder / "checkpoint", provenance::to_text(*note));
  if (!kept) return pass(kept);
  return made;
}

Result<Backup> restore(const fs::path& home, const RestoreOptions& options) {
  const fs::path place = home / "ledger";
  auto is_free = must_be_free(place, "restore.exists",
                              "Move the ledger that is there away; it may be evidence.");
  if (!is_free) return pass(is_free);
  Backup made;
  const fs::path beside = home / "ledger.restoring";
  std::error_code problem;
  fs::remove_all(beside, problem);
  {
    storage::RocksOptions looking;
    looking.read_only = true;
    auto from = storage::RocksStore::open(options.backup / "ledger", looking);
    if (!from) return pass(from);
    const LedgerStore copy(**from);
    auto note = newest_of(copy);
    if (!note) return pass(note);
    const auto key = log_key(copy, options.log);
    if (!key) return pass(key);
    const auto own = provenance::open_checkpoint(*note, *key);
    if (!own) return pass(own);
    made.head = own->head;
    if (auto ok = check_head(copy, own->head, options, "the copy's own"); !ok) return pass(ok);
    if (auto ok = check_heads(copy, home, *key, options); !ok) return pass(ok);
    auto to = storage::RocksStore::open(beside);
    if (!to) return pass(to);
    auto count = copy_entries(**from, **to);
    if (!count) return pass(count);
    made.entries = *count;
    if (auto whole = newest_of(LedgerStore(**to)); !whole) return pass(whole);
    auto kept = write_text(home / "checkpoint", provenance::to_text(*note));
    if (!kept) return pass(kept);
  }
  fs::remove(place, problem);  // an empty folder
  fs::rename(beside, place, problem);
  if (!problem) return made;
  return fail(
      Kind::unavailable, "restore.place",
      fmt::format("{} could not be put in its place: {}.", beside.string(), problem.message()),
      "Rename the folder to `ledger`; it is whole.");
}

}  // namespace cloister::coordinator
