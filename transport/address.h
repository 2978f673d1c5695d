// Where a coordinator listens and where its clients dial: TCP only, never a bare interface.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cloister::transport {

struct Address {
  std::string host;        // a name, an IPv4 address, an IPv6 address without brackets, or "*"
  std::uint16_t port = 0;  // 0: any free port (binding only)
  friend bool operator==(const Address&, const Address&) = default;
};

// "host:port", "[::1]:port", with or without "tcp://". "*" as the host is every interface and may
// only be bound. "address.format" for anything else, ipc:// and inproc:// included.
[[nodiscard]] Result<Address> address_from_text(std::string_view text);
// "host:port", as address_from_text reads it.
[[nodiscard]] std::string to_string(const Address& address);
// 127.0.0.0/8, ::1, localhost.
[[nodiscard]] bool is_loopback(const Address& address);

}  // namespace cloister::transport
