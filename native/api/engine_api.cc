#include "api/engine_api.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "api/histogram_api.h"
#include "api/reactor_host.h"
#include "engine/state/engine.h"

namespace millrace::api {
namespace {

std::span<double> doubles(const Napi::Value& value) {
  Napi::Float64Array array = value.As<Napi::Float64Array>();
  return {array.Data(), array.ElementLength()};
}

uint64_t nowNs() noexcept { return ReactorHost::now().ns; }
uint64_t nowMs() noexcept { return nowNs() / 1'000'000; }

// (image: ArrayBuffer, rateKeys) => { version, error }: version 0 means refused.
Napi::Value installImage(const Napi::CallbackInfo& info) {
  Napi::ArrayBuffer image = info[0].As<Napi::ArrayBuffer>();
  const InstallResult result = Engine::instance().install(
      {static_cast<const std::byte*>(image.Data()), image.ByteLength()}, nowNs(),
      static_cast<uint64_t>(info[1].As<Napi::Number>().Int64Value()));
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("version", static_cast<double>(result.version));
  out.Set("error", result.error);
  return out;
}

// (version, changes: Uint32Array of endpoint, set, clear in turn) => boolean
Napi::Value setEndpointHealth(const Napi::CallbackInfo& info) {
  const auto version = static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
  const Napi::Uint32Array words = info[1].As<Napi::Uint32Array>();
  std::vector<HealthChange> changes(words.ElementLength() / 3);
  for (size_t i = 0; i < changes.size(); ++i)
    changes[i] = {words[3 * i], words[3 * i + 1], words[3 * i + 2]};
  return Napi::Boolean::New(info.Env(), Engine::instance().setHealth(version, changes, nowMs()));
}

// () => milliseconds until it is to be called again, 0 = not until something changes
Napi::Value refreshPlans(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), Engine::instance().refreshPlans(nowMs()));
}

// (pem: string) => void
void setTlsRoots(const Napi::CallbackInfo& info) {
  Engine::instance().setTlsRoots(info[0].As<Napi::String>().Utf8Value());
}

// (version, index, out: Float64Array) => boolean
template <bool (Engine::*Read)(uint64_t, uint32_t, std::span<double>) const>
Napi::Value readStats(const Napi::CallbackInfo& info) {
  const auto version = static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
  const uint32_t index = info[1].As<Napi::Number>().Uint32Value();
  return Napi::Boolean::New(info.Env(),
                            (Engine::instance().*Read)(version, index, doubles(info[2])));
}

using ReadHistogram = bool (Engine::*)(uint64_t, uint32_t, uint32_t, WindowSpan*, HistogramCounts*);

// (version, index, phase, windowMs, nowMs, out: Float64Array) => boolean. Writes the fields of
// abi::histogram_field, then (bucket, count) pairs; `out` has room for all buckets.
template <ReadHistogram Read>
Napi::Value readHistogram(const Napi::CallbackInfo& info) {
  const auto version = static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
  const uint32_t index = info[1].As<Napi::Number>().Uint32Value();
  const uint32_t phase = info[2].As<Napi::Number>().Uint32Value();
  WindowSpan span;
  span.window_ms = info[3].As<Napi::Number>().Uint32Value();
  span.now_ms = static_cast<uint64_t>(info[4].As<Napi::Number>().Int64Value());
  const std::span<double> out = doubles(info[5]);
  HistogramCounts counts;
  const bool read = out.size() >= abi::histogram_field::kCount + 2 * abi::kHistogramBuckets &&
                    (Engine::instance().*Read)(version, index, phase, &span, &counts);
  if (read) writeHistogram(counts, static_cast<double>(span.span_ms), out);
  return Napi::Boolean::New(info.Env(), read);
}

using ReadDigest = bool (Engine::*)(uint64_t, uint32_t, uint32_t, uint64_t, std::span<double>);

// (version, index, phase, nowMs, out: Float64Array) => boolean. Writes abi::digest_field for each
// of abi::kDigestWindowsMs.
template <ReadDigest Read>
Napi::Value readDigest(const Napi::CallbackInfo& info) {
  const auto version = static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
  const uint32_t index = info[1].As<Napi::Number>().Uint32Value();
  const uint32_t phase = info[2].As<Napi::Number>().Uint32Value();
  const auto now_ms = static_cast<uint64_t>(info[3].As<Napi::Number>().Int64Value());
  return Napi::Boolean::New(
      info.Env(), (Engine::instance().*Read)(version, index, phase, now_ms, doubles(info[4])));
}

// (version) => Uint32Array: ROUTE rows that have taken a request; empty when it is not the current
// image.
Napi::Value usedRoutes(const Napi::CallbackInfo& info) {
  const std::vector<uint32_t> routes =
      Engine::instance().usedRoutes(static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()));
  Napi::Uint32Array out = Napi::Uint32Array::New(info.Env(), routes.size());
  std::copy(routes.begin(), routes.end(), out.Data());
  return out;
}

// (nowMs) => void
void collectHistograms(const Napi::CallbackInfo& info) {
  Engine::instance().collectHistograms(
      static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()));
  Engine::instance().settleRates(nowNs());
}

// (version, index, out: Float64Array) => boolean
Napi::Value endpointStats(const Napi::CallbackInfo& info) {
  const auto version = static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
  const uint32_t index = info[1].As<Napi::Number>().Uint32Value();
  return Napi::Boolean::New(
      info.Env(), Engine::instance().readEndpoint(version, index, nowMs(), doubles(info[2])));
}

// (out: Float64Array) => void
void rateTableStats(const Napi::CallbackInfo& info) {
  Engine::instance().readRateTable(nowNs(), doubles(info[0]));
}

// (out: Float64Array) => void
void processStats(const Napi::CallbackInfo& info) {
  Engine::instance().readProcess(doubles(info[0]));
}

// (most) => { ageMs, kind, reason, status, attempts, sentence, peer, texts: string[], cut:
// boolean[] }[]: what the workers reported since the last call, at most `most` of each. Texts are
// bytes as latin1.
Napi::Value takeIncidents(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array out = Napi::Array::New(env);
  const uint64_t now = nowNs();
  const auto latin1 = [env](std::string_view text) {
    napi_value value = nullptr;
    napi_create_string_latin1(env, text.data(), text.size(), &value);
    return Napi::Value(env, value);
  };
  Engine::instance().takeIncidents(
      info[0].As<Napi::Number>().Uint32Value(), [&](const Incident& i) {
        Napi::Object one = Napi::Object::New(env);
        one.Set("ageMs", static_cast<double>(now > i.at_ns ? (now - i.at_ns) / 1'000'000 : 0));
        one.Set("kind", static_cast<double>(i.kind));
        one.Set("reason", static_cast<double>(i.reason));
        one.Set("status", static_cast<double>(i.status));
        one.Set("attempts", static_cast<double>(i.attempts));
        one.Set("sentence", latin1(i.sentence));
        char ip[kIpTextBytes];
        one.Set("peer", latin1({ip, formatIp(i.peer, ip)}));
        Napi::Array texts = Napi::Array::New(env, abi::incident_text::kCount);
        Napi::Array cut = Napi::Array::New(env, abi::incident_text::kCount);
        for (uint32_t t = 0; t < abi::incident_text::kCount; ++t) {
          texts.Set(t, latin1(i.text(t)));
          cut.Set(t, i.cut[t]);
        }
        one.Set("texts", texts);
        one.Set("cut", cut);
        out.Set(out.Length(), one);
      });
  return out;
}

// (name, bytes: Uint8Array) => file descriptor, or -errno. A file without a place in any directory:
// private keys need no temporary file on a disk, and what was validated is exactly what the
// listener reads.
Napi::Value createMemoryFile(const Napi::CallbackInfo& info) {
  const std::string name = info[0].As<Napi::String>().Utf8Value();
  const Napi::Uint8Array bytes = info[1].As<Napi::Uint8Array>();
  const int fd = ::memfd_create(name.c_str(), MFD_CLOEXEC);
  if (fd < 0) return Napi::Number::New(info.Env(), -errno);
  size_t written = 0;
  while (written < bytes.ByteLength()) {
    const ssize_t n = ::write(fd, bytes.Data() + written, bytes.ByteLength() - written);
    if (n < 0) {
      const int error = errno;
      ::close(fd);
      return Napi::Number::New(info.Env(), -error);
    }
    written += static_cast<size_t>(n);
  }
  return Napi::Number::New(info.Env(), fd);
}

// (host: IP address) => { fd, port }, or -errno. A free TCP port that stays ours until the
// descriptor is closed, although nobody listens on it yet. With SO_REUSEPORT, so that our listeners
// may bind to it meanwhile; without SO_REUSEADDR, since the kernel gives a port whose sockets all
// have that, and do not listen, to the next one who asks for any.
Napi::Value reservePort(const Napi::CallbackInfo& info) {
  const std::string host = info[0].As<Napi::String>().Utf8Value();
  sockaddr_storage address{};
  socklen_t length = sizeof(sockaddr_in);
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&address);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address);
  if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    address.ss_family = AF_INET;
  } else if (::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    address.ss_family = AF_INET6;
    length = sizeof(sockaddr_in6);
  } else {
    return Napi::Number::New(info.Env(), -EINVAL);
  }
  const int fd = ::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return Napi::Number::New(info.Env(), -errno);
  const int on = 1;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
      ::bind(fd, generic, length) != 0 || ::getsockname(fd, generic, &length) != 0) {
    const int error = errno;
    ::close(fd);
    return Napi::Number::New(info.Env(), -error);
  }
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("fd", fd);
  result.Set("port", ntohs(address.ss_family == AF_INET ? v4->sin_port : v6->sin6_port));
  return result;
}

// (port, bytes) => number of listen sockets found. Bounds the receive buffer of the connections
// that they accept from now on: the listener reads a socket for as long as a read fills its 512 KiB
// buffer, whatever was paused meanwhile, and a fast sender would be taken into memory without end.
// A kernel buffer that holds less ends that at the first read. The listener does not tell its
// descriptors, so they are looked for by what they are.
Napi::Value limitReceiveBuffer(const Napi::CallbackInfo& info) {
  const uint32_t port = info[0].As<Napi::Number>().Uint32Value();
  const int bytes = info[1].As<Napi::Number>().Int32Value();
  uint32_t found = 0;
  DIR* const directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return Napi::Number::New(info.Env(), 0);
  while (const dirent* entry = ::readdir(directory)) {
    const int fd = std::atoi(entry->d_name);
    int listening = 0;
    socklen_t length = sizeof listening;
    if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0 || listening == 0) {
      continue;
    }
    sockaddr_storage address{};
    length = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) continue;
    uint16_t bound = 0;
    if (address.ss_family == AF_INET) {
      bound = ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
    } else if (address.ss_family == AF_INET6) {
      bound = ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
    }
    if (bound != port) continue;
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) == 0) ++found;
  }
  ::closedir(directory);
  return Napi::Number::New(info.Env(), found);
}

// () => void. Ends what native code prints through C++ streams, and C's standard output:
// uWebSockets.js prints a line of its own for every SNI name that gets a handler, and one for every
// WebSocket that is upgraded outside of a cork, as it must be (see src/worker/corked.ts). Node
// writes to the descriptors by itself and is not affected; neither is C's standard error, with what
// the C++ runtime and V8 say before they abort.
void muteNativeOutput(const Napi::CallbackInfo&) {
  static std::FILE* const nowhere = std::fopen("/dev/null", "we");
  if (nowhere == nullptr) return;
  stdout = nowhere;
  std::cout.setstate(std::ios::failbit);
  std::cerr.setstate(std::ios::failbit);
}

// The hashes of rate limits are keyed with randomness of this process: a client that could compute
// them could fill the places of others.
void keyHashes() {
  static const bool keyed = [] {
    SipKey key{};
    if (::getrandom(&key, sizeof key, 0) != sizeof key) std::abort();
    Engine::instance().setRateKey(key);
    return true;
  }();
  static_cast<void>(keyed);
}

}  // namespace

void exportEngine(Napi::Env env, Napi::Object exports) {
  // Once per environment, and once is enough: without randomness there are no keyed hashes to
  // trust.
  keyHashes();
  exports.Set("installImage", Napi::Function::New<installImage>(env, "installImage"));
  exports.Set("setEndpointHealth",
              Napi::Function::New<setEndpointHealth>(env, "setEndpointHealth"));
  exports.Set("refreshPlans", Napi::Function::New<refreshPlans>(env, "refreshPlans"));
  exports.Set("setTlsRoots", Napi::Function::New<setTlsRoots>(env, "setTlsRoots"));
  exports.Set("clusterStats",
              Napi::Function::New<readStats<&Engine::readCluster>>(env, "clusterStats"));
  exports.Set("routeStats", Napi::Function::New<readStats<&Engine::readRoute>>(env, "routeStats"));
  exports.Set("clusterHistogram", Napi::Function::New<readHistogram<&Engine::readClusterHistogram>>(
                                      env, "clusterHistogram"));
  exports.Set(
      "endpointHistogram",
      Napi::Function::New<readHistogram<&Engine::readEndpointHistogram>>(env, "endpointHistogram"));
  exports.Set("routeHistogram", Napi::Function::New<readHistogram<&Engine::readRouteHistogram>>(
                                    env, "routeHistogram"));
  exports.Set("listenerStats",
              Napi::Function::New<readStats<&Engine::readListener>>(env, "listenerStats"));
  exports.Set(
      "listenerHistogram",
      Napi::Function::New<readHistogram<&Engine::readListenerHistogram>>(env, "listenerHistogram"));
  exports.Set("listenerDigest",
              Napi::Function::New<readDigest<&Engine::readListenerDigest>>(env, "listenerDigest"));
  exports.Set("clusterDigest",
              Napi::Function::New<readDigest<&Engine::readClusterDigest>>(env, "clusterDigest"));
  exports.Set("endpointDigest",
              Napi::Function::New<readDigest<&Engine::readEndpointDigest>>(env, "endpointDigest"));
  exports.Set("routeDigest",
              Napi::Function::New<readDigest<&Engine::readRouteDigest>>(env, "routeDigest"));
  exports.Set("usedRoutes", Napi::Function::New<usedRoutes>(env, "usedRoutes"));
  exports.Set("collectHistograms",
              Napi::Function::New<collectHistograms>(env, "collectHistograms"));
  exports.Set("endpointStats", Napi::Function::New<endpointStats>(env, "endpointStats"));
  exports.Set("rateLimitStats",
              Napi::Function::New<readStats<&Engine::readRateLimit>>(env, "rateLimitStats"));
  exports.Set("rateTableStats", Napi::Function::New<rateTableStats>(env, "rateTableStats"));
  exports.Set("processStats", Napi::Function::New<processStats>(env, "processStats"));
  exports.Set("takeIncidents", Napi::Function::New<takeIncidents>(env, "takeIncidents"));
  exports.Set("limitReceiveBuffer",
              Napi::Function::New<limitReceiveBuffer>(env, "limitReceiveBuffer"));
  exports.Set("muteNativeOutput", Napi::Function::New<muteNativeOutput>(env, "muteNativeOutput"));
  exports.Set("reservePort", Napi::Function::New<reservePort>(env, "reservePort"));
  exports.Set("createMemoryFile", Napi::Function::New<createMemoryFile>(env, "createMemoryFile"));
}

}  // namespace millrace::api
