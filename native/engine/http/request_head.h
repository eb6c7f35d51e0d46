#ifndef MILLRACE_ENGINE_HTTP_REQUEST_HEAD_H_
#define MILLRACE_ENGINE_HTTP_REQUEST_HEAD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "abi.h"
#include "engine/http/header_id.h"
#include "engine/http/request_rules.h"
#include "engine/route/request_view.h"

namespace millrace {

inline constexpr uint32_t kMaxRequestFields = abi::kMaxRequestFields;

// Why a request is refused: abi::downstream_error, which names the reasons in metrics and in the
// log. The listener's parser lets all of these through (it accepts differing duplicate lengths, any
// transfer coding, an empty Host, any method bytes), so they are checked before an upstream is
// touched.
enum class RequestError : uint8_t {
  kNone = abi::downstream_error::kNone,
  kMalformed = abi::downstream_error::kMalformed,
  kMethod = abi::downstream_error::kMethod,
  kMethodRefused = abi::downstream_error::kMethodRefused,
  kTarget = abi::downstream_error::kTarget,
  kTargetTooLong = abi::downstream_error::kTargetTooLong,
  kPath = abi::downstream_error::kPath,
  kMissingHost = abi::downstream_error::kMissingHost,
  kHost = abi::downstream_error::kHost,
  kRepeatedHost = abi::downstream_error::kRepeatedHost,
  kHeaderName = abi::downstream_error::kHeaderName,
  kUnderscore = abi::downstream_error::kUnderscore,
  kHeaderValue = abi::downstream_error::kHeaderValue,
  kRepeatedHeader = abi::downstream_error::kRepeatedHeader,
  kTooManyHeaders = abi::downstream_error::kTooManyHeaders,
  kHeaderTooLong = abi::downstream_error::kHeaderTooLong,
  kHeadTooLarge = abi::downstream_error::kHeadTooLarge,
  kContentLength = abi::downstream_error::kContentLength,
  kTransferEncoding = abi::downstream_error::kTransferEncoding,
  kUnknownTransferCoding = abi::downstream_error::kUnknownTransferCoding,
  kLengthAndTransferEncoding = abi::downstream_error::kLengthAndTransferEncoding,
  kConnectionOptions = abi::downstream_error::kConnectionOptions,
  kExpectation = abi::downstream_error::kExpectation,
  kMaxForwards = abi::downstream_error::kMaxForwards,
  kTraceBody = abi::downstream_error::kTraceBody,
  kWebSocketVersion = abi::downstream_error::kWebSocketVersion,
  kWebSocketKey = abi::downstream_error::kWebSocketKey,
  kWebSocketBody = abi::downstream_error::kWebSocketBody,
};
// The sentence that the client is answered, with a line end.
const char* describe(RequestError error) noexcept;
uint32_t statusOf(RequestError error) noexcept;

// A request as the listener saw it; views point into the flat head that `parseRequestHead` was
// given.
struct RequestHead {
  std::string_view method;
  uint32_t method_bit = 0;    // index in abi METHODS, or abi::kNone
  std::string_view target;    // as sent; set before anything is checked, as the method is
  std::string_view raw_path;  // as sent
  std::string_view query;     // without '?'
  bool has_query = false;
  std::string_view authority;  // Host as sent
  std::string_view host;       // lower case, without port and trailing dot
  uint32_t field_count = 0;
  bool chunked = false;
  bool has_content_length = false;
  bool has_upgrade = false;  // there is an Upgrade field
  bool close = false;        // Connection says so
  // The first Connection field has the length of "close": that is what the listener looks at. It
  // ends the connection behind the answer then, and does not say so.
  bool listener_closes = false;
  uint64_t seen = 0;                   // a bit for each HeaderId that came, but kOther
  bool nominates = false;              // Connection names fields beyond close and keep-alive
  bool has_underscores = false;        // fields have been kept whose names have one
  uint32_t max_forwards = abi::kNone;  // of OPTIONS and TRACE: how many hops more
  uint64_t content_length = 0;
  std::array<HeaderSlice, kMaxRequestFields> fields;
  std::array<HeaderId, kMaxRequestFields> ids;
  std::array<char, 256> host_buffer;

  // It must not go any further: the answer is ours (RFC 9110 section 7.6.2).
  bool isLastHop() const noexcept { return max_forwards == 0; }
  bool isHead() const noexcept { return method == "HEAD"; }
  bool hasBody() const noexcept { return chunked || content_length != 0; }
  bool isIdempotent() const noexcept;
};

// How a request head comes over the boundary: all its strings in one, and their lengths in an
// array: method, target, name, value, name, value ... `lengths` holds `count` numbers that add up
// to bytes.size().
//
// Or, in place of both, where they are apart: as many views, with all bytes counted.
struct FlatHead {
  std::string_view bytes;
  std::span<const int32_t> lengths;
  std::span<const std::string_view> pieces = {};
  size_t piece_bytes = 0;

  size_t byteCount() const noexcept { return pieces.empty() ? bytes.size() : piece_bytes; }
  size_t pieceCount() const noexcept { return pieces.empty() ? lengths.size() : pieces.size(); }
};

// Parses and validates. Names must be in lower case, as the listener gives them. The fields of the
// head are those that count from here on: what a listener drops (names with underscores, Proxy-*)
// and what Connection names is not among them. Hop-by-hop fields are, for the upgrade.
RequestError parseRequestHead(const FlatHead& flat, const RequestRules& rules,
                              RequestHead* head) noexcept;

// Index in abi METHODS, or abi::kNone.
uint32_t methodBit(std::string_view method) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_HTTP_REQUEST_HEAD_H_
