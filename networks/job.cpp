#include "networks/job.h"

#include <fmt/format.h>

#include <charconv>

namespace cloister::networks {

namespace {

constexpr std::string_view mixed_mark = " mixed";
constexpr int gpus_max = 128;

}  // namespace

Result<Device> parse_device(std::string_view text) {
  std::string_view name = text;
  Device device;
  device.mixed = name.ends_with(mixed_mark);
  if (device.mixed) name.remove_suffix(mixed_mark.size());
  if (name == "cpu") return device;
  device.type = Device::Type::cuda;
  if (name == "cuda") return device;
  constexpr std::string_view prefix = "cuda:";
  if (name.starts_with(prefix)) {
    const auto number = name.substr(prefix.size());
    const auto* const end = number.data() + number.size();
    const auto read = std::from_chars(number.data(), end, device.index);
    const bool is_number = read.ec == std::errc() && read.ptr == end;
    if (is_number && device.index >= 0 && device.index < gpus_max) return device;
  }
  return fail(Kind::invalid, "device.unknown", fmt::format("There is no device called '{}'.", text),
              "Use 'cpu', 'cuda' or 'cuda:0', with ' mixed' behind it for mixed precision.");
}

std::string to_string(const Device& device) {
  const std::string name =
      device.type == Device::Type::cpu ? "cpu" : fmt::format("cuda:{}", device.index);
  return device.mixed ? fmt::format("{}{}", name, mixed_mark) : name;
}

}  // namespace cloister::networks
