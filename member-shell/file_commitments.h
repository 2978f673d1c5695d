// Commitments to a site's images and masks: HMAC under the site's secret of "cloister/file/v1\n",
// the path below the data root, a zero byte, and the file's SHA-256. One file a turn of the loop,
// so that nothing else waits for long.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "member-shell/places.h"
#include "transport/event_loop.h"

namespace cloister::member_shell {

using Committed = std::function<void(Result<std::vector<Digest>>)>;

// References must outlive the call of `done`, which comes on the loop.
void commit_files(transport::EventLoop& loop, Places& places,
                  const std::filesystem::path& data_root, const Digest& site_map, Committed done);

}  // namespace cloister::member_shell
