#include "protocol/codec_wire.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>

#include <optional>

#include "base/ensure.h"
#include "protocol/codec_fields.h"
#include "protocol/limits.h"

namespace cloister::protocol::codec {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

enum WireType : std::uint32_t { varint = 0, eight_bytes = 1, counted = 2, four_bytes = 5 };

tl::unexpected<Error> refused(std::string_view code, const Descriptor& type,
                              std::string_view detail) {
  return fail(Kind::corrupt, code, fmt::format("A {} message {}.", type.name(), detail),
              "Both sides must run compatible versions; if they do, the sender is at fault.");
}

WireType wire_type_of(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return counted;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return eight_bytes;
    case FieldDescriptor::CPPTYPE_FLOAT:
      return four_bytes;
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
    case FieldDescriptor::CPPTYPE_BOOL:
    case FieldDescriptor::CPPTYPE_ENUM:
      return varint;  // our schemas use no sint and no fixed integers
  }
  return counted;
}

// Takes bytes off the front of a view.
class Cursor {
 public:
  explicit Cursor(BytesView bytes) : left_(bytes) {}
  [[nodiscard]] bool empty() const { return left_.empty(); }

  std::optional<std::uint64_t> take_varint() {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 10 && i < left_.size(); ++i) {
      value |= static_cast<std::uint64_t>(left_[i] & 0x7f) << (7 * i);
      if ((left_[i] & 0x80) == 0) {
        left_ = left_.subspan(i + 1);
        return value;
      }
    }
    return std::nullopt;
  }
  std::optional<BytesView> take(std::uint64_t count) {
    if (count > left_.size()) return std::nullopt;
    const BytesView taken = left_.first(count);
    left_ = left_.subspan(count);
    return taken;
  }

 private:
  BytesView left_;
};

class Walk {
 public:
  Result<void> message(const Descriptor& type, BytesView bytes, int depth) {
    if (depth > limits::recursion_max) return refused("message.too_deep", type, "nests too deeply");
    Cursor cursor(bytes);
    std::uint64_t seen = 0;  // our field numbers are below 64
    while (!cursor.empty()) {
      const auto tag = cursor.take_varint();
      if (!tag) return refused("message.truncated", type, "ends within a field");
      const auto number = *tag >> 3;
      const FieldDescriptor* known =
          number < 64 ? type.FindFieldByNumber(static_cast<int>(number)) : nullptr;
      if (known == nullptr || (*tag & 7) != wire_type_of(*known)) {
        return refused("message.unknown_field", type,
                       "has a field that this version does not know");
      }
      const std::uint64_t bit = std::uint64_t{1} << number;
      if (!known->is_repeated() && (seen & bit) != 0) {
        return refused("message.repeated_field", type, "has a single field twice");
      }
      seen |= bit;
      if (auto walked = field(*known, cursor, depth); !walked) return walked;
    }
    return {};
  }

 private:
  Result<void> field(const FieldDescriptor& known, Cursor& cursor, int depth) {
    const Descriptor& type = *known.containing_type();
    const WireType wire = wire_type_of(known);
    std::optional<std::uint64_t> length = wire == eight_bytes ? 8 : 4;
    if (wire == varint || wire == counted) length = cursor.take_varint();
    if (!length) return refused("message.truncated", type, "ends within a field");
    if (wire == varint) return {};
    const auto content = cursor.take(*length);
    if (!content) return refused("message.truncated", type, "ends within a field");
    if (known.is_repeated() && ++elements_ > limits::elements_max) {
      return refused("message.too_many", type, "has too many elements");
    }
    // The library would refuse it as well, but print a line of its own for each: a peer must not be
    // able to fill our log.
    if (known.type() == FieldDescriptor::TYPE_STRING && !is_utf8(as_text(*content))) {
      return refused("message.text", type, "has text that is not UTF-8");
    }
    if (known.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return {};
    return message(*known.message_type(), *content, depth + 1);
  }

  std::size_t elements_ = 0;
};

}  // namespace

Result<void> parse(BytesView bytes, std::size_t bytes_max, google::protobuf::Message& message) {
  const Descriptor& type = *message.GetDescriptor();
  if (bytes.size() > bytes_max) {
    return refused("message.too_large", type, fmt::format("is longer than {} bytes", bytes_max));
  }
  if (auto walked = Walk().message(type, bytes, 1); !walked) return walked;
  google::protobuf::io::CodedInputStream input(bytes.data(), static_cast<int>(bytes.size()));
  input.SetTotalBytesLimit(static_cast<int>(bytes_max));
  input.SetRecursionLimit(limits::recursion_max);
  if (!message.ParseFromCodedStream(&input) || !input.ConsumedEntireMessage()) {
    return refused("message.malformed", type, "cannot be read");
  }
  return {};
}

Bytes serialise(const google::protobuf::Message& message) {
  Bytes bytes(message.ByteSizeLong());
  google::protobuf::io::ArrayOutputStream array(bytes.data(), static_cast<int>(bytes.size()));
  google::protobuf::io::CodedOutputStream output(&array);
  output.SetSerializationDeterministic(true);
  ensure(message.SerializeToCodedStream(&output), "a message of ours fits its own size");
  return bytes;
}

}  // namespace cloister::protocol::codec
