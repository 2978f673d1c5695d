#include "networks/job.h"

#include <fmt/format.h>

#include <charconv>

namespace cloister::networks {

Result<Device> parse_device(std::string_view text) {
  if (text == "cpu") return Device{};
  if (text == "cuda") return Device{Device::Type::cuda, 0};
  constexpr std::string_view prefix = "cuda:";
  if (text.starts_with(prefix)) {
    const auto number = text.substr(prefix.size());
    int index = 0;
    const auto read = std::from_chars(number.data(), number.data() + number.size(), index);
    if (read.ec == std::errc() && read.ptr == number.data() + number.size() && index >= 0 &&
        index < 128)
      return Device{Device::Type::cuda, index};
  }
  return fail(Kind::invalid, "device.unknown", fmt::format("There is no device called '{}'.", text),
              "Use 'cpu', 'cuda' or 'cuda:0'.");
}

std::string to_string(const Device& device) {
  return device.type == Device::Type::cpu ? "cpu" : fmt::format("cuda:{}", device.index);
}

}  // namespace cloister::networks
