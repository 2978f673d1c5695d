#include "worker/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <vector>

#include "protocol/worker_frame.h"

namespace cloister::worker {
namespace {

bool set_limit(__rlimit_resource which, rlim_t value) {
  const rlimit limit{value, value};
  return setrlimit(which, &limit) == 0;
}

std::string limit_resources(const JobLimits& limits) {
  set_limit(RLIMIT_CORE, 0);  // a core dump would hold patient data
  std::string said;
  if (limits.memory_bytes > 0) {
    said = set_limit(RLIMIT_AS, limits.memory_bytes)
               ? fmt::format("{} MiB of address space", limits.memory_bytes >> 20)
               : "the memory limit could not be set";
  } else {
    said = "no memory limit was asked for";
  }
  if (limits.cpu_seconds > 0) {
    said += set_limit(RLIMIT_CPU, limits.cpu_seconds)
                ? fmt::format(", {} s of CPU time", limits.cpu_seconds)
                : ", the CPU time limit could not be set";
  }
  return said;
}

std::string drop_privileges() {
  const bool no_new = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
  const bool with_parent = prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
  const bool no_dump = prctl(PR_SET_DUMPABLE, 0) == 0;
  std::string said = no_new ? "no new privileges" : "privileges may still be gained";
  said += with_parent ? ", ends with its parent" : ", may outlive its parent";
  said += no_dump ? ", no core dumps and no debugger" : ", core dumps off";
  return said;
}

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_ALLOW), &seccomp_release) {
    // Threads that libraries may have started already are covered as well.
    if (context_) seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  }
  void refuse(int call) { refuse_if(call, {}); }
  void refuse_if(int call, const std::vector<scmp_arg_cmp>& when) {
    if (!context_ || call == __NR_SCMP_ERROR) return;
    const int status = seccomp_rule_add_array(context_.get(), SCMP_ACT_ERRNO(EPERM), call,
                                              static_cast<unsigned>(when.size()), when.data());
    rules_ += status == 0 ? 1 : 0;
  }
  // Number of rules; 0: the kernel has no seccomp for us.
  [[nodiscard]] int load() { return context_ && seccomp_load(context_.get()) == 0 ? rules_ : 0; }

 private:
  std::unique_ptr<void, void (*)(scmp_filter_ctx)> context_;
  int rules_ = 0;
};

// Kinds of sockets with an address on each message: they need no connection to reach somebody. The
// kernel makes a datagram socket of a raw one where it is a Unix socket.
constexpr int without_connection[] = {SOCK_DGRAM, SOCK_RAW};
constexpr scmp_datum_t kind_of_socket = 0xf;  // SOCK_TYPE_MASK of Linux: the rest are flags

scmp_arg_cmp is_kind(int kind) {
  return {1, SCMP_CMP_MASKED_EQ, kind_of_socket, static_cast<scmp_datum_t>(kind)};
}

// CUDA's driver listens on a Unix socket of its own while it starts, and finds no device where it
// may not. Who can only listen, and let nobody in, speaks to nobody.
void refuse_all_but_listening(Filter& filter) {
  filter.refuse_if(SCMP_SYS(socket), {{0, SCMP_CMP_NE, static_cast<scmp_datum_t>(AF_UNIX), 0}});
  for (scmp_datum_t kind = 0; kind <= kind_of_socket; ++kind)
    if (kind != SOCK_STREAM && kind != SOCK_SEQPACKET)
      filter.refuse_if(SCMP_SYS(socket), {is_kind(static_cast<int>(kind))});
  for (const int call : {SCMP_SYS(connect), SCMP_SYS(accept), SCMP_SYS(accept4)})
    filter.refuse(call);
}

// What c10d and Gloo meet over; netlink, because Gloo asks which interface it has.
void refuse_all_but_loopback(Filter& filter) {
  constexpr int families = AF_MAX;
  for (int family = 0; family < families; ++family) {
    if (family == AF_INET || family == AF_INET6 || family == AF_NETLINK) continue;
    filter.refuse_if(SCMP_SYS(socket), {{0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(family), 0}});
  }
  filter.refuse_if(SCMP_SYS(socket), {{0, SCMP_CMP_GE, static_cast<scmp_datum_t>(families), 0}});
}

void refuse_network(Filter& filter, bool loopback, bool device_files) {
  for (const int kind : without_connection) filter.refuse_if(SCMP_SYS(socketpair), {is_kind(kind)});
  if (loopback) return refuse_all_but_loopback(filter);
  if (device_files) return refuse_all_but_listening(filter);
  for (const int call : {SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen),
                         SCMP_SYS(accept), SCMP_SYS(accept4)}) {
    filter.refuse(call);
  }
}

void refuse_escape(Filter& filter) {
  for (const int call : {SCMP_SYS(execve),
                         SCMP_SYS(execveat),
                         SCMP_SYS(ptrace),
                         SCMP_SYS(process_vm_readv),
                         SCMP_SYS(process_vm_writev),
                         SCMP_SYS(mount),
                         SCMP_SYS(umount2),
                         SCMP_SYS(pivot_root),
                         SCMP_SYS(chroot),
                         SCMP_SYS(unshare),
                         SCMP_SYS(setns),
                         SCMP_SYS(bpf),
                         SCMP_SYS(perf_event_open),
                         SCMP_SYS(userfaultfd),
                         SCMP_SYS(add_key),
                         SCMP_SYS(request_key),
                         SCMP_SYS(keyctl),
                         SCMP_SYS(kexec_load),
                         SCMP_SYS(kexec_file_load),
                         SCMP_SYS(init_module),
                         SCMP_SYS(finit_module),
                         SCMP_SYS(delete_module),
                         SCMP_SYS(reboot),
                         SCMP_SYS(swapon),
                         SCMP_SYS(io_uring_setup),
                         SCMP_SYS(io_uring_enter),
                         SCMP_SYS(io_uring_register),
                         SCMP_SYS(open_by_handle_at),
                         SCMP_SYS(pidfd_getfd)}) {
    filter.refuse(call);
  }
}

// Opening for reading goes on; pipes and the log that are open already can be written.
void refuse_writing(Filter& filter) {
  for (const scmp_datum_t flag : {scmp_datum_t{O_WRONLY}, scmp_datum_t{O_RDWR}}) {
    filter.refuse_if(SCMP_SYS(open), {{1, SCMP_CMP_MASKED_EQ, O_ACCMODE, flag}});
    filter.refuse_if(SCMP_SYS(openat), {{2, SCMP_CMP_MASKED_EQ, O_ACCMODE, flag}});
  }
  for (const scmp_datum_t flag : {scmp_datum_t{O_CREAT}, scmp_datum_t{O_TRUNC}}) {
    filter.refuse_if(SCMP_SYS(open), {{1, SCMP_CMP_MASKED_EQ, flag, flag}});
    filter.refuse_if(SCMP_SYS(openat), {{2, SCMP_CMP_MASKED_EQ, flag, flag}});
  }
  for (const int call :
       {SCMP_SYS(openat2), SCMP_SYS(creat),     SCMP_SYS(unlink),    SCMP_SYS(unlinkat),
        SCMP_SYS(rename),  SCMP_SYS(renameat),  SCMP_SYS(renameat2), SCMP_SYS(mkdir),
        SCMP_SYS(mkdirat), SCMP_SYS(rmdir),     SCMP_SYS(link),      SCMP_SYS(linkat),
        SCMP_SYS(symlink), SCMP_SYS(symlinkat), SCMP_SYS(truncate),  SCMP_SYS(mknod),
        SCMP_SYS(mknodat), SCMP_SYS(chmod),     SCMP_SYS(fchmodat),  SCMP_SYS(chown),
        SCMP_SYS(lchown),  SCMP_SYS(fchownat),  SCMP_SYS(setxattr),  SCMP_SYS(utimensat)}) {
    filter.refuse(call);
  }
}

}  // namespace

Sandbox enter_sandbox(const SandboxNeeds& needs) {
  Sandbox held;
  held.memory = limit_resources(needs.limits);
  // The host put us there before our libraries were loaded (worker-host/own_network.h).
  const bool away = std::getenv(protocol::own_network_variable) != nullptr;
  held.own_loopback = away && needs.loopback;
  held.privileges = drop_privileges();
  Filter filter;
  refuse_network(filter, held.own_loopback, needs.device_files);
  refuse_escape(filter);
  const bool read_only = !needs.write_files && !needs.device_files;
  if (read_only) refuse_writing(filter);
  const int rules = filter.load();
  held.system_calls = rules > 0 ? fmt::format("seccomp filter with {} rules", rules)
                                : "no filter: the kernel did not take it";
  held.files = !read_only  ? "may be written: this kind of job, or its device, needs it"
               : rules > 0 ? "opening for writing is refused"
                           : "may be written: there is no filter";
  const std::string sockets = needs.device_files
                                  ? "sockets refused but one that the GPU's driver listens on"
                                  : "sockets refused";
  if (held.own_loopback) {
    held.network = "a network namespace with nothing but a loopback of its own, for the ranks";
  } else if (away) {
    held.network =
        rules > 0 ? fmt::format("empty network namespace, {}", sockets) : "empty network namespace";
  } else {
    held.network = rules > 0 ? fmt::format("{} (no network namespace could be had)", sockets)
                             : "open: neither a namespace nor a filter is permitted here";
  }
  return held;
}

nlohmann::json to_json(const Sandbox& sandbox) {
  return {{"network", sandbox.network},
          {"system_calls", sandbox.system_calls},
          {"files", sandbox.files},
          {"memory", sandbox.memory},
          {"privileges", sandbox.privileges}};
}

}  // namespace cloister::worker
