#include "crypto/passphrase.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "base/descriptor.h"
#include "crypto/private_file.h"

namespace cloister::crypto {
namespace {

constexpr std::size_t bytes_max = 1024;

// Turns the echo off for as long as it lives.
class NoEcho {
 public:
  explicit NoEcho(int terminal) : terminal_(terminal) {
    if (::tcgetattr(terminal, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    changed_ = ::tcsetattr(terminal, TCSAFLUSH, &silent) == 0;
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;
  ~NoEcho() {
    if (changed_) ::tcsetattr(terminal_, TCSAFLUSH, &before_);
  }
  [[nodiscard]] bool silent() const { return changed_; }

 private:
  int terminal_;
  termios before_{};
  bool changed_ = false;
};

Result<std::size_t> read_line(const Descriptor& terminal, std::span<std::uint8_t> out) {
  std::size_t length = 0;
  while (length < out.size()) {
    const ssize_t count = ::read(terminal.number(), out.data() + length, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || out[length] == '\n') break;
    length += 1;
  }
  return length;
}

}  // namespace

Result<Passphrase> Passphrase::from_text(std::string_view text) {
  if (text.empty() || text.size() > bytes_max) {
    return fail(Kind::invalid, "passphrase.length", "A passphrase has 1 to 1024 bytes.",
                "Choose several words that you can remember.");
  }
  return Passphrase(SecretBytes::copy_of(as_bytes(text)));
}

Result<Passphrase> Passphrase::from_file(const std::filesystem::path& path) {
  const auto content = read_private_file(path, 64 * 1024, "passphrase");
  if (!content) return pass(content);
  std::string_view line = as_text(content->view());
  line = line.substr(0, line.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return from_text(line);
}

Result<Passphrase> Passphrase::from_environment(std::string_view variable) {
  const char* value = std::getenv(std::string(variable).c_str());
  if (value == nullptr) {
    return fail(Kind::not_found, "passphrase.variable",
                fmt::format("The environment variable {} is not set.", variable),
                "Set it, or give the passphrase in a file.");
  }
  return from_text(value);
}

Result<Passphrase> Passphrase::ask(std::string_view prompt) {
  const Descriptor terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal.is_open()) {
    return fail(Kind::unavailable, "passphrase.no_terminal",
                "There is no terminal to ask for the passphrase on.",
                "Give the passphrase in a file that only you can read.");
  }
  const NoEcho quiet(terminal.number());
  if (!quiet.silent()) {
    return fail(Kind::unavailable, "passphrase.no_terminal",
                "The terminal cannot hide what is typed.",
                "Give the passphrase in a file that only you can read.");
  }
  if (auto out = write_all(terminal, as_bytes(prompt), "/dev/tty"); !out) return pass(out);
  SecretBytes typed(bytes_max + 1);
  const auto length = read_line(terminal, typed.writable());
  if (!length) return pass(length);
  if (auto out = write_all(terminal, as_bytes("\n"), "/dev/tty"); !out) return pass(out);
  return from_text(as_text(typed.view().first(*length)));
}

}  // namespace cloister::crypto
