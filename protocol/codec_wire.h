// Private to the codec: bytes of a Protocol Buffers message checked before any of it is stored.
//
// The parser of the library would keep unknown fields, let later values overwrite earlier ones, and
// make an object of hundreds of bytes out of two bytes on the wire. So the bytes are walked along
// the message's descriptor first: only known fields, each in its own wire type, singular ones once,
// nesting up to limits::recursion_max, at most limits::elements_max elements in all.
#pragma once

#include <cstddef>

#include "base/bytes.h"
#include "base/result.h"

namespace google::protobuf {
class Message;
}

namespace cloister::protocol::codec {

// Fills `message` from `bytes`; "message.*" errors. `bytes_max` bounds the input.
[[nodiscard]] Result<void> parse(BytesView bytes, std::size_t bytes_max,
                                 google::protobuf::Message& message);

// Deterministic: the same values give the same bytes in every build of the same library version.
[[nodiscard]] Bytes serialise(const google::protobuf::Message& message);

}  // namespace cloister::protocol::codec
