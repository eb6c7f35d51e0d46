// What a further attempt sends: the head that was stored, with the number of the attempt, and the
// body as far as it has come, where it was kept.
#include <charconv>

#include "engine/reactor/reactor.h"

namespace millrace {
namespace {

uint32_t bufferBytes(const Exchange& exchange) noexcept {
  const Image& image = *exchange.image->image;
  return image.retries()[image.routes()[exchange.route].retry].buffer_bytes;
}

}  // namespace

// How much of another attempt is possible at all: nothing is copied where none is.
void Reactor::planReplay(Exchange& exchange, const RequestHead& request) noexcept {
  const Image& image = *exchange.image->image;
  const abi::RouteRecord& route = image.routes()[exchange.route];
  exchange.head_size = exchange.head.size();
  exchange.repeatable = exchange.idempotent;
  exchange.retries_left =
      static_cast<uint8_t>(std::min(route.retry_attempts, abi::limits::kMaxRetries));
  // Most requests have nothing to keep, and need no permission.
  if (exchange.retries_left == 0 || (exchange.request_complete && exchange.idempotent)) return;
  const abi::RetryRecord& retry = image.retries()[route.retry];
  exchange.repeatable |= (retry.flags & abi::retry_flag::kNonIdempotent) != 0;
  exchange.keep_body = !exchange.request_complete && exchange.repeatable &&
                       retry.buffer_bytes != 0 && request.content_length <= retry.buffer_bytes;
}

// Tells the upstream which attempt this is, in place of what it said of the one before.
void Reactor::numberAttempt(Exchange& exchange) noexcept {
  char digits[4];
  const auto end = std::to_chars(digits, digits + sizeof digits, exchange.attempt).ptr;
  exchange.head.truncate(exchange.head_size - 2);  // the empty line
  exchange.head.append("x-millrace-attempt: ");
  exchange.head.append({digits, static_cast<size_t>(end - digits)});
  exchange.head.append("\r\n\r\n");
}

// A piece of the body is about to go to the upstream: kept for the next one, as long as there is
// room.
void Reactor::keepBody(Exchange& exchange, std::string_view piece) noexcept {
  if (exchange.body.size() + piece.size() <= bufferBytes(exchange)) {
    exchange.body.append(piece);
    return;
  }
  exchange.keep_body = false;
  exchange.body.clear();
}

// All of `body` has been given to the upstream.
void Reactor::settleBody(Exchange& exchange) noexcept {
  if (exchange.keep_body && exchange.body.size() <= bufferBytes(exchange)) return;
  exchange.keep_body = false;
  exchange.body.clear();
}

}  // namespace millrace
