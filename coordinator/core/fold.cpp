#include "coordinator/core/fold.h"

#include <bit>

#include "coordinator/core/fold_fields.h"

namespace cloister::coordinator {
namespace {

constexpr std::string_view members_name = "members";
constexpr std::string_view index_name = "index";
constexpr std::string_view study_prefix = "study/";

template <class T>
concept Number = std::integral<T> || std::is_enum_v<T>;
// A sequence, a set or a map.
template <class T>
concept Collection = requires(T all) {
  typename T::value_type;
  all.size();
  all.begin();
};
template <class T>
concept Text = std::same_as<T, std::string> || std::same_as<T, Bytes>;

// Numbers in eight bytes; texts and collections after their length.
class Writer {
 public:
  template <class... T>
  void operator()(const T&... values) {
    (put(values), ...);
  }
  Bytes take() { return std::move(out_); }

 private:
  void put(const Number auto& value) { append(out_, le64(static_cast<std::uint64_t>(value))); }
  void put(const double& value) { put(std::bit_cast<std::uint64_t>(value)); }
  void put(const Text auto& value) {
    put(value.size());
    out_.insert(out_.end(), value.begin(), value.end());
  }
  void put(const Digest& value) { append(out_, value.view()); }
  void put(const Instant& value) { put(value.unix_milliseconds()); }
  void put(const protocol::StudyPlan& value) { put(protocol::to_json(value)); }
  template <class Tag>
  void put(const Id<Tag>& value) {
    put(value.text());
  }
  template <class T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  template <class A, class B>
  void put(const std::pair<A, B>& value) {
    put(value.first);
    put(value.second);
  }
  template <Collection T>
  requires(!Text<T>) void put(const T& values) {
    put(values.size());
    for (const auto& value : values) put(value);
  }
  template <class T>
  void put(const T& value) {
    FoldFields::of(value, *this);
  }

  Bytes out_;
};

// Reads what Writer wrote; after anything that does not fit everything is empty and is_whole()
// false.
class Reader {
 public:
  explicit Reader(BytesView in) : in_(in) {}
  template <class... T>
  void operator()(T&... values) {
    (get(values), ...);
  }
  [[nodiscard]] bool is_whole() const { return is_good_ && in_.empty(); }
  void spoil() { is_good_ = false; }

 private:
  BytesView next(std::uint64_t size) {
    is_good_ = is_good_ && size <= in_.size();
    if (!is_good_) return {};
    const BytesView taken = in_.first(size);
    in_ = in_.subspan(size);
    return taken;
  }
  std::uint64_t number() {
    const BytesView eight = next(8);
    return eight.empty() ? 0 : read_le64(eight);
  }
  std::string_view text() { return as_text(next(number())); }

  void get(Number auto& value) {
    value = static_cast<std::remove_reference_t<decltype(value)>>(number());
  }
  void get(double& value) { value = std::bit_cast<double>(number()); }
  void get(Text auto& value) {
    const BytesView bytes = next(number());
    value.assign(bytes.begin(), bytes.end());
  }
  void get(Digest& value) {
    const BytesView bytes = next(value.bytes.size());
    std::copy(bytes.begin(), bytes.end(), value.bytes.begin());
  }
  void get(Instant& value) { value = Instant(static_cast<std::int64_t>(number())); }
  void get(protocol::StudyPlan& value) {
    auto plan = protocol::plan_from_json(text());
    if (!plan) return spoil();
    value = std::move(*plan);
  }
  template <class Tag>
  void get(Id<Tag>& value) {
    value = Id<Tag>::trusted(std::string(text()));
  }
  template <class T>
  void get(std::optional<T>& value) {
    if (number() != 0) get(value.emplace());
  }
  template <class A, class B>
  void get(std::pair<A, B>& value) {
    get(value.first);
    get(value.second);
  }
  template <class T>
  requires(!Text<std::vector<T>>) void get(std::vector<T>& values) {
    for (std::uint64_t left = number(); left > 0 && is_good_; --left) get(values.emplace_back());
  }
  template <class T>
  void get(std::set<T>& values) {
    for (std::uint64_t left = number(); left > 0 && is_good_; --left) {
      T value;
      get(value);
      values.insert(values.end(), std::move(value));
    }
  }
  template <class Key, class T>
  void get(std::map<Key, T>& values) {
    for (std::uint64_t left = number(); left > 0 && is_good_; --left) {
      Key key;
      get(key);
      get(values.emplace_hint(values.end(), std::move(key), T())->second);
    }
  }
  template <class T>
  void get(T& value) {
    FoldFields::of(value, *this);
  }

  BytesView in_;
  bool is_good_ = true;
};

template <class T>
Bytes bytes_of(const T& value) {
  Writer writer;
  writer(value);
  return writer.take();
}

template <class T>
bool read(BytesView bytes, T& into) {
  Reader reader(bytes);
  reader(into);
  return reader.is_whole();
}

}  // namespace

FoldPart part_of(const Membership& membership) {
  return {std::string(members_name), bytes_of(membership)};
}
FoldPart part_of(const StudyIndex& index) { return {std::string(index_name), bytes_of(index)}; }
FoldPart part_of(const Study& study) {
  return {std::string(study_prefix) + study.id().text(), bytes_of(study)};
}

bool read_part(std::string_view name, BytesView bytes, Fold& into) {
  if (name == members_name) return read(bytes, into.membership);
  if (name == index_name) return read(bytes, into.index);
  if (!name.starts_with(study_prefix)) return false;
  const auto id = StudyId::parse(name.substr(study_prefix.size()));
  if (!id) return false;
  Study study = FoldFields::empty_study();
  return read(bytes, study) && study.id() == *id &&
         into.studies.emplace(*id, std::move(study)).second;
}

}  // namespace cloister::coordinator
