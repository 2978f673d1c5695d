// Preloaded into programs under test (LD_PRELOAD): writes down every frame that they hand to ZeroMQ
// or take from it, which is what stands in messages before it is encrypted and after it was
// decrypted, and every byte that ZeroMQ sends to a socket or receives from one. The programs need
// no seam for it and are the very ones that people run.
//
// $CLOISTER_TEST_RECORD/<process>.messages and <process>.wire; nothing without that variable.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

// As in zmq.h; only ever handed on.
struct zmq_msg_t;
extern "C" {
void* zmq_msg_data(zmq_msg_t* message);
std::size_t zmq_msg_size(const zmq_msg_t* message);
}

namespace {

int open_record(const char* kind) {
  const char* folder = std::getenv("CLOISTER_TEST_RECORD");
  if (folder == nullptr) return -1;
  const std::string path =
      std::string(folder) + "/" + std::to_string(getpid()) + "." + std::string(kind);
  return open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

// Test processes only: what cannot be written down must not pass as having been searched.
void keep(int file, const void* bytes, std::size_t size) {
  if (file < 0 || size == 0) return;
  if (write(file, bytes, size) != static_cast<ssize_t>(size)) std::abort();
}

void keep_message(const void* bytes, std::size_t size) {
  static const int file = open_record("messages");
  keep(file, bytes, size);
}
void keep_wire(const void* bytes, std::size_t size) {
  static const int file = open_record("wire");
  keep(file, bytes, size);
}

template <class Function>
Function* next(const char* name) {
  void* found = dlsym(RTLD_NEXT, name);
  if (found == nullptr) std::abort();
  return reinterpret_cast<Function*>(found);
}

bool is_of_network(int descriptor) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  return getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
         address.ss_family == AF_INET;
}

}  // namespace

extern "C" {

int zmq_msg_send(zmq_msg_t* message, void* socket, int flags) {
  static auto* const real = next<int(zmq_msg_t*, void*, int)>("zmq_msg_send");
  keep_message(zmq_msg_data(message), zmq_msg_size(message));
  return real(message, socket, flags);
}

int zmq_send(void* socket, const void* bytes, size_t size, int flags) {
  static auto* const real = next<int(void*, const void*, size_t, int)>("zmq_send");
  keep_message(bytes, size);
  return real(socket, bytes, size, flags);
}

int zmq_msg_recv(zmq_msg_t* message, void* socket, int flags) {
  static auto* const real = next<int(zmq_msg_t*, void*, int)>("zmq_msg_recv");
  const int received = real(message, socket, flags);
  if (received >= 0) keep_message(zmq_msg_data(message), zmq_msg_size(message));
  return received;
}

ssize_t send(int descriptor, const void* bytes, size_t size, int flags) {
  static auto* const real = next<ssize_t(int, const void*, size_t, int)>("send");
  const ssize_t sent = real(descriptor, bytes, size, flags);
  if (sent > 0 && is_of_network(descriptor)) keep_wire(bytes, static_cast<std::size_t>(sent));
  return sent;
}

ssize_t recv(int descriptor, void* bytes, size_t size, int flags) {
  static auto* const real = next<ssize_t(int, void*, size_t, int)>("recv");
  const ssize_t received = real(descriptor, bytes, size, flags);
  if (received > 0 && is_of_network(descriptor))
    keep_wire(bytes, static_cast<std::size_t>(received));
  return received;
}

}  // extern "C"
