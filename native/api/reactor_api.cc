#include "api/reactor_api.h"

#include <node_api.h>

#include <algorithm>
#include <array>
#include <string>

#include "api/listener_calls_api.h"
#include "api/listener_requests.h"
#include "api/reactor_host.h"
#include "api/status.h"

namespace millrace::api {
namespace {

// Largest request head in UTF-8: the listener's own limit is 64 KiB of latin1.
constexpr size_t kHeadBytes = 192 * 1024;

// One per environment.
struct WorkerData {
  ReactorHost* host = nullptr;
  const int32_t* lengths = nullptr;  // of the strings in a head; memory of the array that JS writes
  std::unique_ptr<std::array<char, kHeadBytes>> head;
  ListenerRequests requests;

  std::span<const int32_t> lengthsOfHead() const noexcept {
    return {lengths + 1,
            std::min<size_t>(static_cast<size_t>(lengths[0]), abi::kHeadLengthWords - 1)};
  }
};

// Arguments of a hot function, in raw Node-API: the C++ wrapper costs an object per argument.
template <size_t Count>
struct Call {
  WorkerData* data = nullptr;
  std::array<napi_value, Count> arguments{};

  bool read(napi_env env, napi_callback_info info) noexcept {
    size_t count = Count;
    void* pointer = nullptr;
    if (napi_get_cb_info(env, info, &count, arguments.data(), nullptr, &pointer) != napi_ok)
      return false;
    data = static_cast<WorkerData*>(pointer);
    return data->host != nullptr && !data->host->closing();
  }
  int32_t integer(napi_env env, size_t i) const noexcept {
    int32_t value = 0;
    napi_get_value_int32(env, arguments[i], &value);
    return value;
  }
};

napi_value number(napi_env env, uint32_t value) noexcept {
  napi_value result = nullptr;
  napi_create_uint32(env, value, &result);
  return result;
}

// False when the value is no ArrayBuffer.
bool bytesOf(napi_env env, napi_value value, std::span<const uint8_t>* bytes) noexcept {
  void* data = nullptr;
  size_t length = 0;
  if (napi_get_arraybuffer_info(env, value, &data, &length) != napi_ok) return false;
  *bytes = {static_cast<const uint8_t*>(data), length};
  return true;
}

// The head of the request has been read; arguments 0, 1 and 3 are those of submit().
napi_value submitHead(napi_env env, const Call<4>& call, const FlatHead& head) noexcept {
  uint32_t key_and_flags = static_cast<uint32_t>(call.integer(env, 1));
  std::span<const uint8_t> peer;
  if (!bytesOf(env, call.arguments[3], &peer)) {
    peer = clientOfLastRead();
    if (!peer.empty())
      key_and_flags &= ~static_cast<uint32_t>(abi::submit_flag::kPeerLeftOut);
    else if ((key_and_flags & abi::submit_flag::kPeerLeftOut) == 0)
      return number(env, abi::submit::kNeedPeer);
  }
  ReactorHost& host = *call.data->host;
  const uint32_t result = host.reactor().submit(call.integer(env, 0), key_and_flags & 0xffff, head,
                                                peer, ReactorHost::now(), key_and_flags & ~0xffffu);
  host.settle();
  return number(env, result);
}

// submit(handle, listenerKey | flags, head: string, peer?: ArrayBuffer) => SUBMIT
// The lengths of the strings that make up `head` are in the array that reactorOpen was given.
// Without `peer` it is the client whose bytes are being handled, if that is known.
napi_value submit(napi_env env, napi_callback_info info) {
  Call<4> call;
  if (!call.read(env, info)) return nullptr;
  std::array<char, kHeadBytes>& bytes = *call.data->head;
  size_t length = 0;
  const bool latin1 =
      (static_cast<uint32_t>(call.integer(env, 1)) & abi::submit_flag::kLatin1) != 0;
  const napi_status status =
      latin1
          ? napi_get_value_string_latin1(env, call.arguments[2], bytes.data(), bytes.size(),
                                         &length)
          : napi_get_value_string_utf8(env, call.arguments[2], bytes.data(), bytes.size(), &length);
  if (!ok(env, status, "submit: the head is not a string")) return nullptr;
  const std::span<const int32_t> lengths = call.data->lengthsOfHead();
  int64_t characters = 0;
  for (const int32_t n : lengths) characters += n;
  // More bytes than characters: not ASCII, and the lengths don't say where the strings are.
  if (static_cast<size_t>(characters) != length) return number(env, abi::submit::kNeedLatin1);
  return submitHead(env, call, {{bytes.data(), length}, lengths});
}

// submitRequest(handle, listenerKey | flags, request, peer?: ArrayBuffer) => SUBMIT
// The same for the listener's own request object, once learnRequest() has said 1.
napi_value submitRequest(napi_env env, napi_callback_info info) {
  Call<4> call;
  if (!call.read(env, info)) return nullptr;
  FlatHead head{};
  head.pieces = call.data->requests.read(call.arguments[2], &head.piece_bytes);
  return submitHead(env, call, head);
}

// learnRequest(request, head: string) => 1 | 0 | -1: whether request objects can be read in place,
// which is so if this one can, and holds what was read from it in the usual way; 0: not to be seen
// from this one. `head` and the lengths are as for submit().
napi_value learnRequest(napi_env env, napi_callback_info info) {
  Call<2> call;
  if (!call.read(env, info)) return nullptr;
  std::array<char, kHeadBytes>& bytes = *call.data->head;
  size_t length = 0;
  int32_t learnt = 0;
  if (napi_get_value_string_utf8(env, call.arguments[1], bytes.data(), bytes.size(), &length) ==
      napi_ok)
    learnt = call.data->requests.learn(call.arguments[0], {bytes.data(), length},
                                       call.data->lengthsOfHead());
  napi_value result = nullptr;
  napi_create_int32(env, learnt, &result);
  return result;
}

// sendBody(handle, piece: ArrayBuffer, last: boolean) => SEND
napi_value sendBody(napi_env env, napi_callback_info info) {
  Call<3> call;
  if (!call.read(env, info)) return nullptr;
  std::span<const uint8_t> piece;
  bytesOf(env, call.arguments[1], &piece);
  bool last = false;
  napi_get_value_bool(env, call.arguments[2], &last);
  ReactorHost& host = *call.data->host;
  const uint32_t result = host.reactor().sendBody(
      call.integer(env, 0), {reinterpret_cast<const char*>(piece.data()), piece.size()}, last,
      ReactorHost::now());
  host.settle();
  return number(env, result);
}

// sendMessage(handle, opcode, payload: ArrayBuffer) => SEND; the payload is masked in place
napi_value sendMessage(napi_env env, napi_callback_info info) {
  Call<3> call;
  if (!call.read(env, info)) return nullptr;
  void* payload = nullptr;
  size_t length = 0;
  if (!ok(env, napi_get_arraybuffer_info(env, call.arguments[2], &payload, &length),
          "sendMessage: the payload is not an ArrayBuffer"))
    return nullptr;
  ReactorHost& host = *call.data->host;
  const uint32_t result =
      host.reactor().sendMessage(call.integer(env, 0), static_cast<uint32_t>(call.integer(env, 1)),
                                 {static_cast<char*>(payload), length}, ReactorHost::now());
  host.settle();
  return number(env, result);
}

// sendClose(handle, code, reason: Uint8Array)
napi_value sendClose(napi_env env, napi_callback_info info) {
  Call<3> call;
  if (!call.read(env, info)) return nullptr;
  void* reason = nullptr;
  size_t length = 0;
  if (!ok(env,
          napi_get_typedarray_info(env, call.arguments[2], nullptr, &length, &reason, nullptr,
                                   nullptr),
          "sendClose: the reason is not a Uint8Array"))
    return nullptr;
  ReactorHost& host = *call.data->host;
  host.reactor().sendClose(call.integer(env, 0), static_cast<uint32_t>(call.integer(env, 1)),
                           {static_cast<const char*>(reason), length}, ReactorHost::now());
  host.settle();
  return nullptr;
}

// abort(handle), pause(handle), resume(handle)
napi_value abortExchange(napi_env env, napi_callback_info info) {
  Call<1> call;
  if (!call.read(env, info)) return nullptr;
  call.data->host->reactor().abort(call.integer(env, 0), ReactorHost::now());
  return nullptr;
}
napi_value pauseExchange(napi_env env, napi_callback_info info) {
  Call<1> call;
  if (call.read(env, info)) call.data->host->reactor().pause(call.integer(env, 0));
  return nullptr;
}
napi_value resumeExchange(napi_env env, napi_callback_info info) {
  Call<1> call;
  if (!call.read(env, info)) return nullptr;
  call.data->host->reactor().resume(call.integer(env, 0), ReactorHost::now());
  call.data->host->settle();
  return nullptr;
}
// countConnection(listenerKey, opened: boolean)
napi_value countConnection(napi_env env, napi_callback_info info) {
  Call<2> call;
  if (!call.read(env, info)) return nullptr;
  bool opened = false;
  napi_get_value_bool(env, call.arguments[1], &opened);
  call.data->host->reactor().countDownstreamConnection(static_cast<uint32_t>(call.integer(env, 0)),
                                                       opened);
  return nullptr;
}

// reactorOpen(worker, events: Int32Array, data: Uint8Array, headLengths: Int32Array, onEvents:
// (count) => void)
Napi::Value reactorOpen(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* data = static_cast<WorkerData*>(info.Data());
  const uint32_t worker = info[0].As<Napi::Number>().Uint32Value();
  if (data->host != nullptr || worker >= abi::limits::kMaxWorkers) {
    Napi::Error::New(env, data->host != nullptr ? "this thread has a reactor already"
                                                : "worker index out of range")
        .ThrowAsJavaScriptException();
    return env.Undefined();
  }
  Napi::Int32Array events = info[1].As<Napi::Int32Array>();
  Napi::Uint8Array bytes = info[2].As<Napi::Uint8Array>();
  Napi::Int32Array lengths = info[3].As<Napi::Int32Array>();
  if (lengths.ElementLength() < abi::kHeadLengthWords) {
    Napi::Error::New(env, "the array of head lengths is too short").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  Napi::Array buffers = Napi::Array::New(env);
  buffers.Set(0u, events);
  buffers.Set(1u, bytes);
  buffers.Set(2u, lengths);
  data->lengths = lengths.Data();
  static_assert(sizeof(abi::EventRecord) % sizeof(int32_t) == 0);
  if (data->head == nullptr) data->head = std::make_unique<std::array<char, kHeadBytes>>();
  data->host = ReactorHost::open(env, worker,
                                 {reinterpret_cast<abi::EventRecord*>(events.Data()),
                                  events.ByteLength() / sizeof(abi::EventRecord)},
                                 {reinterpret_cast<char*>(bytes.Data()), bytes.ByteLength()},
                                 buffers, info[4]);
  return env.Undefined();
}

void reactorClose(const Napi::CallbackInfo& info) {
  auto* data = static_cast<WorkerData*>(info.Data());
  if (data->host == nullptr) return;
  data->host->close();
  data->host = nullptr;
}

// listenerKey(name) => number
Napi::Value listenerKey(const Napi::CallbackInfo& info) {
  auto* data = static_cast<WorkerData*>(info.Data());
  if (data->host == nullptr) return info.Env().Undefined();
  const uint32_t key = data->host->reactor().listenerKey(info[0].As<Napi::String>().Utf8Value());
  data->host->reactor().refresh();
  return Napi::Number::New(info.Env(), key);
}

void exportHot(napi_env env, napi_value exports, const char* name, napi_callback callback,
               WorkerData* data) {
  napi_value function = nullptr;
  if (!ok(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, data, &function), name))
    return;
  ok(env, napi_set_named_property(env, exports, name, function), name);
}

}  // namespace

ReactorHost* reactorHost(Napi::Env env) { return env.GetInstanceData<WorkerData>()->host; }

void exportReactor(Napi::Env env, Napi::Object exports) {
  // Freed with the environment, after its cleanup hooks have run and the host is gone.
  auto* data = new WorkerData();
  env.SetInstanceData(data);
  exports.Set("reactorOpen", Napi::Function::New<reactorOpen>(env, "reactorOpen", data));
  exports.Set("reactorClose", Napi::Function::New<reactorClose>(env, "reactorClose", data));
  exports.Set("listenerKey", Napi::Function::New<listenerKey>(env, "listenerKey", data));
  exportHot(env, exports, "submit", submit, data);
  exportHot(env, exports, "submitRequest", submitRequest, data);
  exportHot(env, exports, "learnRequest", learnRequest, data);
  exportHot(env, exports, "sendBody", sendBody, data);
  exportHot(env, exports, "sendMessage", sendMessage, data);
  exportHot(env, exports, "sendClose", sendClose, data);
  exportHot(env, exports, "abort", abortExchange, data);
  exportHot(env, exports, "pause", pauseExchange, data);
  exportHot(env, exports, "resume", resumeExchange, data);
  exportHot(env, exports, "countConnection", countConnection, data);
}

}  // namespace millrace::api
