// How it is done: a module calls functions of others through a table of its own, one slot per
// imported function, which the dynamic linker fills at the first call (System V ABI, procedure
// linkage table). `dl_iterate_phdr` shows every module's table; ours are written into four slots
// of the module that exports uSockets, before its first socket exists, hence before the linker has
// had a reason to look at them.
//
// Why the address is right. Each connection of the listener comes from accept4 on the thread that
// reads it, so what is kept for a descriptor is what its last accept4 said, and a descriptor
// that is used again was accepted again. A request is parsed from what one recv returned, inside
// the same callback of the loop; uSockets calls recv nowhere else, TLS decrypts what the loop has
// received. test/unit/worker/listener-calls.test.ts pins it.
#include "api/listener_calls_api.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::api {
namespace {

struct Client {
  uint8_t length = 0;  // 0 = not known
  std::array<uint8_t, 16> bytes{};
};

struct ListenerThread {
  std::vector<Client> clients;  // by descriptor
  int last_read = -1;
  int accepted = -1;  // non-blocking, and uSockets has not asked for that yet
};

// Null in threads without listeners.
thread_local ListenerThread* t_thread = nullptr;

Client clientOf(const sockaddr* address, socklen_t length) noexcept {
  Client client;
  if (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    client.length = 4;
    std::memcpy(client.bytes.data(), &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, 4);
  } else if (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    client.length = 16;
    std::memcpy(client.bytes.data(), &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr,
                16);
  }
  return client;
}

int accept4Bare(int listening, sockaddr* address, socklen_t* length, int flags) {
  const int fd = static_cast<int>(::syscall(SYS_accept4, listening, address, length, flags));
  ListenerThread* const thread = t_thread;
  if (fd < 0 || thread == nullptr) return fd;
  const auto row = static_cast<size_t>(fd);
  if (row >= thread->clients.size()) thread->clients.resize(row + row / 2 + 64);
  thread->clients[row] =
      address != nullptr && length != nullptr ? clientOf(address, *length) : Client{};
  if ((flags & SOCK_NONBLOCK) != 0) thread->accepted = fd;
  return fd;
}

// uSockets makes what it has accepted non-blocking, by two calls, which it has asked accept4 for.
int fcntlBare(int fd, int command, void* argument) {
  constexpr int kFlags = O_RDWR | O_NONBLOCK;
  if (ListenerThread* const thread = t_thread; thread != nullptr && thread->accepted == fd) {
    if (command == F_GETFL) return kFlags;
    thread->accepted = -1;
    if (command == F_SETFL && reinterpret_cast<intptr_t>(argument) == kFlags) return 0;
  }
  return static_cast<int>(::syscall(SYS_fcntl, fd, command, argument));
}

ssize_t recvBare(int fd, void* into, size_t n, int flags) {
  if (ListenerThread* const thread = t_thread; thread != nullptr) thread->last_read = fd;
  return ::syscall(SYS_recvfrom, fd, into, n, flags, nullptr, nullptr);
}

ssize_t sendBare(int fd, const void* from, size_t n, int flags) {
  return ::syscall(SYS_sendto, fd, from, n, flags, nullptr, 0);
}

// ---- import tables

#if defined(__x86_64__)
constexpr uint32_t kSlotRelocation = R_X86_64_JUMP_SLOT;
#elif defined(__aarch64__)
constexpr uint32_t kSlotRelocation = R_AARCH64_JUMP_SLOT;
#else
constexpr uint32_t kSlotRelocation = UINT32_MAX;  // none
#endif

// A loaded module, as far as it says how it imports functions.
struct Module {
  uintptr_t base = 0;
  const ElfW(Rela) * slots = nullptr;
  size_t slot_count = 0;
  const ElfW(Sym) * symbols = nullptr;
  const char* names = nullptr;
  uintptr_t fixed_begin = 0;  // memory that is read-only once the module is loaded
  uintptr_t fixed_end = 0;
};

// Address in memory of what an entry of the dynamic section points to: glibc has added the base,
// other C libraries leave the number of the file.
template <typename T>
const T* pointerOf(const Module& module, const ElfW(Dyn) & entry) noexcept {
  const uintptr_t value = entry.d_un.d_ptr;
  return reinterpret_cast<const T*>(value < module.base ? module.base + value : value);
}

Module moduleOf(const dl_phdr_info& info) noexcept {
  Module module;
  module.base = info.dlpi_addr;
  const ElfW(Dyn)* dynamic = nullptr;
  for (size_t i = 0; i < info.dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info.dlpi_phdr[i];
    if (header.p_type == PT_DYNAMIC)
      dynamic = reinterpret_cast<const ElfW(Dyn)*>(module.base + header.p_vaddr);
    if (header.p_type == PT_GNU_RELRO) {
      module.fixed_begin = module.base + header.p_vaddr;
      module.fixed_end = module.fixed_begin + header.p_memsz;
    }
  }
  bool with_addends = false;
  for (; dynamic != nullptr && dynamic->d_tag != DT_NULL; ++dynamic) {
    switch (dynamic->d_tag) {
      case DT_JMPREL:
        module.slots = pointerOf<ElfW(Rela)>(module, *dynamic);
        break;
      case DT_PLTRELSZ:
        module.slot_count = dynamic->d_un.d_val / sizeof(ElfW(Rela));
        break;
      case DT_PLTREL:
        with_addends = dynamic->d_un.d_val == DT_RELA;
        break;
      case DT_SYMTAB:
        module.symbols = pointerOf<ElfW(Sym)>(module, *dynamic);
        break;
      case DT_STRTAB:
        module.names = pointerOf<char>(module, *dynamic);
        break;
      default:
        break;
    }
  }
  if (!with_addends || module.slots == nullptr || module.symbols == nullptr ||
      module.names == nullptr)
    module.slot_count = 0;
  return module;
}

uintptr_t* slotOf(const Module& module, std::string_view name) noexcept {
  for (size_t i = 0; i < module.slot_count; ++i) {
    const ElfW(Rela)& slot = module.slots[i];
    if (ELF64_R_TYPE(slot.r_info) != kSlotRelocation) continue;
    if (name != module.names + module.symbols[ELF64_R_SYM(slot.r_info)].st_name) continue;
    const uintptr_t at = module.base + slot.r_offset;
    return at >= module.fixed_begin && at < module.fixed_end ? nullptr
                                                             : reinterpret_cast<uintptr_t*>(at);
  }
  return nullptr;
}

// Whether the module at this path exports uSockets.
bool isListenerModule(const char* path) noexcept {
  void* const handle = ::dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) return false;
  const bool found = ::dlsym(handle, "us_internal_dispatch_ready_poll") != nullptr;
  ::dlclose(handle);
  return found;
}

bool redirect(const Module& module) noexcept {
  uintptr_t* const accept = slotOf(module, "accept4");
  uintptr_t* const receive = slotOf(module, "recv");
  uintptr_t* const send = slotOf(module, "send");
  uintptr_t* const control = slotOf(module, "fcntl");
  if (accept == nullptr || receive == nullptr || send == nullptr) return false;
  const auto set = [](uintptr_t* slot, auto* function) {
    std::atomic_ref<uintptr_t>(*slot).store(reinterpret_cast<uintptr_t>(function),
                                            std::memory_order_release);
  };
  set(accept, accept4Bare);
  set(receive, recvBare);
  set(send, sendBare);
  if (control != nullptr) set(control, fcntlBare);
  return true;
}

bool redirectListener() {
  struct Loaded {
    std::string path;
    Module module;
  };
  std::vector<Loaded> addons;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* context) {
        if (info->dlpi_name != nullptr && std::string_view(info->dlpi_name).ends_with(".node"))
          static_cast<std::vector<Loaded>*>(context)->push_back({info->dlpi_name, moduleOf(*info)});
        return 0;
      },
      &addons);
  // What the slots lead to must stay, even when the last environment that uses this addon ends.
  Dl_info self;
  if (::dladdr(reinterpret_cast<const void*>(&recvBare), &self) == 0 ||
      ::dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE) == nullptr)
    return false;
  bool done = false;
  // Not from inside the walk, which holds a lock of the linker.
  for (const Loaded& addon : addons)
    done |= isListenerModule(addon.path.c_str()) && redirect(addon.module);
  return done;
}

Napi::Value takeOverListenerCalls(const Napi::CallbackInfo& info) {
  static std::mutex one_at_a_time;  // process-wide, as the tables are
  const std::lock_guard lock(one_at_a_time);
  const bool done = redirectListener();
  if (done && t_thread == nullptr) {
    t_thread = new ListenerThread();
    info.Env().AddCleanupHook([] {
      delete t_thread;
      t_thread = nullptr;
    });
  }
  return Napi::Boolean::New(info.Env(), done);
}

Napi::Value clientOfLastReadForTest(const Napi::CallbackInfo& info) {
  const std::span<const uint8_t> client = clientOfLastRead();
  Napi::Uint8Array copy = Napi::Uint8Array::New(info.Env(), client.size());
  std::copy(client.begin(), client.end(), copy.Data());
  return copy;
}

}  // namespace

std::span<const uint8_t> clientOfLastRead() noexcept {
  const ListenerThread* const thread = t_thread;
  if (thread == nullptr || thread->last_read < 0) return {};
  const auto row = static_cast<size_t>(thread->last_read);
  if (row >= thread->clients.size()) return {};
  const Client& client = thread->clients[row];
  return {client.bytes.data(), client.length};
}

void forgetLastRead() noexcept {
  if (ListenerThread* const thread = t_thread; thread != nullptr) thread->last_read = -1;
}

void exportListenerCalls(Napi::Env env, Napi::Object exports) {
  exports.Set("takeOverListenerCalls", Napi::Function::New<takeOverListenerCalls>(env));
  exports.Set("clientOfLastReadForTest", Napi::Function::New<clientOfLastReadForTest>(env));
}

}  // namespace millrace::api
