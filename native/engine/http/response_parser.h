#ifndef MILLRACE_ENGINE_HTTP_RESPONSE_PARSER_H_
#define MILLRACE_ENGINE_HTTP_RESPONSE_PARSER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "abi.h"
#include "engine/http/header_id.h"

namespace millrace {

// Strict HTTP/1.1 response parsing (RFC 9112) for bytes from an upstream that is not trusted.
// Nothing here allocates; views point into the caller's buffer. Incremental by construction: the
// head is looked for with `findHeadEnd`, which remembers how far it got, and parsed once when it is
// whole; the body decoder keeps its state between calls and may be fed one byte at a time.

inline constexpr size_t kMaxResponseHeadBytes = 64 * 1024;
inline constexpr uint32_t kMaxResponseFields = 128;
inline constexpr uint32_t kMaxInterimResponses = 16;
// All interim heads before one answer, together.
inline constexpr uint32_t kMaxInterimBytes = 64 * 1024;
// Fields that Connection may name: each costs a comparison with every field of the head.
inline constexpr uint32_t kMaxConnectionOptions = 32;

// The reasons of abi::upstream_error, which name them in the log.
enum class ResponseError : uint8_t {
  kNone = abi::upstream_error::kNone,
  kHeadTooLarge = abi::upstream_error::kHeadTooLarge,
  kBareLineFeed = abi::upstream_error::kBareLineFeed,
  kNotHttp = abi::upstream_error::kNotHttp,
  kBadStatusLine = abi::upstream_error::kBadStatusLine,
  kBadVersion = abi::upstream_error::kBadVersion,
  kBadStatusCode = abi::upstream_error::kBadStatusCode,
  kBadFieldName = abi::upstream_error::kBadFieldName,
  kBadFieldValue = abi::upstream_error::kBadFieldValue,
  kTooManyFields = abi::upstream_error::kTooManyFields,
  kBadContentLength = abi::upstream_error::kBadContentLength,
  kConflictingContentLength = abi::upstream_error::kConflictingContentLength,
  kBadTransferEncoding = abi::upstream_error::kBadTransferEncoding,
  kLengthAndTransferEncoding = abi::upstream_error::kLengthAndTransferEncoding,
  kTooManyConnectionOptions = abi::upstream_error::kTooManyConnectionOptions,
  kUnexpectedUpgrade = abi::upstream_error::kUnexpectedUpgrade,
  kUpgradeMismatch = abi::upstream_error::kUpgradeMismatch,
  kUpgradeExtension = abi::upstream_error::kUpgradeExtension,
  kUpgradeProtocol = abi::upstream_error::kUpgradeProtocol,
  kTooManyInterim = abi::upstream_error::kTooManyInterim,
  kInterimTooLarge = abi::upstream_error::kInterimTooLarge,
  kBadChunkSize = abi::upstream_error::kBadChunkSize,
  kBadChunkEnd = abi::upstream_error::kBadChunkEnd,
  kChunkExtensionTooLong = abi::upstream_error::kChunkExtensionTooLong,
  kBadTrailer = abi::upstream_error::kBadTrailer,
  kTrailersTooLarge = abi::upstream_error::kTrailersTooLarge,
  kExtraBytes = abi::upstream_error::kExtraBytes,
  kUnsolicited = abi::upstream_error::kUnsolicited,
  kEarly = abi::upstream_error::kEarly,
  kWebSocketFrame = abi::upstream_error::kWebSocketFrame,
  kTruncated = abi::upstream_error::kTruncated,
};
// A short sentence, static: "conflicting Content-Length values".
const char* describe(ResponseError error) noexcept;
// The same as a line for the client, static: "upstream sent a malformed answer: ...\n".
std::string_view describeForClient(ResponseError error) noexcept;

enum class BodyFraming : uint8_t { kNone, kLength, kChunked, kUntilClose };

struct ResponseField {
  std::string_view name;
  std::string_view value;  // without surrounding white space
  std::string_view line;   // the whole line as received, without CRLF
  HeaderId id;
};

struct ResponseHead {
  uint32_t status = 0;
  std::string_view status_line;  // "200 OK": what follows the version
  uint32_t field_count = 0;
  BodyFraming framing = BodyFraming::kNone;
  uint64_t content_length = 0;
  bool has_content_length = false;  // also for HEAD and 304, where it frames nothing
  bool persistent = false;          // the connection may be reused after this message
  uint32_t nominated = 0;           // fields that Connection names: they must not be forwarded
  // Keep-Alive: timeout and max as the upstream says, kUnsaid when it does not.
  static constexpr uint32_t kUnsaid = 0xffff'ffff;
  uint32_t keep_alive_s = kUnsaid;
  uint32_t keep_alive_max = kUnsaid;
  std::array<ResponseField, kMaxResponseFields> fields;

  bool interim() const noexcept { return status >= 100 && status < 200; }
};

// Length of the head including its empty line; 0 = more bytes are needed. `scanned` is the caller's
// memory between calls, 0 at first. On bytes that cannot become a head, a bare LF or an over-long
// head, `*error` is set and 0 returned: an upstream that speaks something else is not waited for.
size_t findHeadEnd(std::string_view bytes, size_t* scanned, ResponseError* error) noexcept;

// Parses a whole head (as delimited by findHeadEnd).
ResponseError parseResponseHead(std::string_view bytes, bool to_head_request,
                                ResponseHead* head) noexcept;

// Decodes a body in place: payload is moved to the front of the bytes given.
class BodyDecoder {
 public:
  struct Result {
    size_t consumed;  // bytes of the input that belong to this message
    size_t payload;   // bytes of payload, now at the front of the input
    bool done;
    ResponseError error;
  };

  void start(BodyFraming framing, uint64_t length) noexcept;
  Result feed(char* bytes, size_t n) noexcept;
  // End of the connection: kNone when that is the proper end of the body.
  ResponseError finish() const noexcept;
  bool done() const noexcept { return state_ == State::kDone; }

 private:
  enum class State : uint8_t {
    kDone,
    kLength,
    kUntilClose,
    kChunkSizeFirst,
    kChunkSize,
    kChunkSpace,
    kChunkExtension,
    kChunkSizeLf,
    kChunkData,
    kChunkDataCr,
    kChunkDataLf,
    kTrailerStart,
    kTrailerName,
    kTrailerValue,
    kTrailerLineLf,
    kFinalLf,
  };
  Result feedChunked(char* bytes, size_t n) noexcept;

  State state_ = State::kDone;
  uint64_t remaining_ = 0;
  uint32_t digits_ = 0;
  uint32_t skipped_ = 0;  // bytes of extensions or trailers so far
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_HTTP_RESPONSE_PARSER_H_
