// How a request object of uWebSockets.js is read: it is a V8 object with one internal field, which
// points at a uWS::HttpRequest on the stack of whoever called the handler, and that begins with an
// array of (name, value) views into the receive buffer: method and target first, an empty name last
// (HttpParser.h; the array has 100 places, and that many lines are an error there).
//
// Node-API has no call for internal fields. V8 has, and exports it: an object in Node-API is the
// same pointer as in V8's own interface, so the function is looked up by name, without V8's
// headers, and where a V8 has it under another name, the strings are used. That the rest is as
// described is not believed but looked at: the worker's first request is read both ways, through a
// system call that fails where a wild pointer would crash.
// test/unit/worker/listener-requests.test.ts pins that it works with the versions that are
// installed.
#include "api/listener_requests.h"

#include <dlfcn.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "abi.h"

namespace millrace::api {
namespace {

using ReadField = void* (*)(napi_value object, int index);

ReadField findReadField() noexcept {
  // void* v8::Object::SlowGetAlignedPointerFromInternalField(int)
  return reinterpret_cast<ReadField>(
      ::dlsym(RTLD_DEFAULT, "_ZN2v86Object38SlowGetAlignedPointerFromInternalFieldEi"));
}
const ReadField kReadField = findReadField();  // the same for the whole process

struct Field {
  std::string_view name;
  std::string_view value;
};
static_assert(sizeof(Field) == 2 * sizeof(std::string_view));
// Places of uWS's array that can be taken; what lies behind them is never read.
constexpr size_t kMaxFields = 100;

// Memory that may not be there.
bool peek(const void* from, void* to, size_t size) noexcept {
  const iovec local{to, size};
  const iovec remote{const_cast<void*>(from), size};
  return ::process_vm_readv(::getpid(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

}  // namespace

int32_t ListenerRequests::learn(napi_value request, std::string_view bytes,
                                std::span<const int32_t> lengths) noexcept {
  if (kReadField == nullptr || lengths.size() < 2 || lengths.size() % 2 != 0 ||
      lengths.size() / 2 >= kMaxFields)
    return kReadField == nullptr ? -1 : 0;
  int64_t characters = 0;
  for (const int32_t n : lengths) characters += n;
  if (static_cast<size_t>(characters) != bytes.size()) return 0;
  const void* const at = kReadField(request, 0);
  std::array<Field, kMaxFields> fields;
  const size_t count = lengths.size() / 2;
  if (at == nullptr || !peek(at, fields.data(), (count + 1) * sizeof(Field))) return -1;
  const char* expected = bytes.data();
  for (size_t i = 0; i < lengths.size(); ++i) {
    const std::string_view piece = i % 2 == 0 ? fields[i / 2].name : fields[i / 2].value;
    std::array<char, 256> chunk;
    if (piece.size() != static_cast<size_t>(lengths[i])) return -1;
    for (size_t done = 0; done < piece.size();) {
      const size_t n = std::min(chunk.size(), piece.size() - done);
      if (!peek(piece.data() + done, chunk.data(), n) ||
          !std::equal(chunk.data(), chunk.data() + n, expected))
        return -1;
      done += n;
      expected += n;
    }
  }
  if (!fields[count].name.empty()) return -1;
  learnt_ = true;
  return 1;
}

std::span<const std::string_view> ListenerRequests::read(napi_value request,
                                                         size_t* bytes) const noexcept {
  if (!learnt_) return {};
  const auto* const fields = static_cast<const Field*>(kReadField(request, 0));
  if (fields == nullptr) return {};
  size_t sum = fields->name.size() + fields->value.size();
  size_t count = 1;
  for (; count < kMaxFields && !fields[count].name.empty(); ++count)
    sum += fields[count].name.size() + fields[count].value.size();
  *bytes = sum;
  return {&fields->name, 2 * count};
}

}  // namespace millrace::api
