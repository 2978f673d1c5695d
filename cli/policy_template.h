// policy.toml as it is written at enrolment: every key with its reason.
#pragma once

#include <filesystem>
#include <string>

namespace cloister::cli {

// `data`: the data root, or empty for a line to fill in.
[[nodiscard]] std::string policy_template(const std::filesystem::path& data);

}  // namespace cloister::cli
