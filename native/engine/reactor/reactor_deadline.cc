// Deadlines that callers send along, and that go on to the upstreams: nobody works on an answer
// that nobody waits for any more.
#include <algorithm>
#include <cstring>

#include "engine/http/deadline_field.h"
#include "engine/reactor/reactor.h"

namespace millrace {

// On a route that takes deadlines. From a peer that is not trusted the field means nothing.
void Reactor::takeDeadline(Exchange& exchange, const RequestHead& request,
                           const Downstream& downstream) noexcept {
  if (!downstream.trusted) return;
  const Image& image = *exchange.image->image;
  const abi::RouteRecord& route = image.routes()[exchange.route];
  const uint32_t left_ms =
      readDeadline(request, image.str(route.deadline_offset, route.deadline_length));
  if (left_ms != abi::kNone) exchange.deadline_ms = exchange.started_ms + left_ms;
}

// False when no time was left from the start, and the request was ended: nothing goes upstream.
bool Reactor::beforeDeadline(Exchange& exchange, Now now) noexcept {
  if (exchange.deadline_ms > now.ms()) return true;
  const TimeLimitOutcome outcome = outcomeOf(TimeLimit::kDeadline);
  fail(exchange, outcome.status, outcome.flag, outcome.text, now);
  return false;
}

// Until when the upstream of the present attempt can be waited for, before the head of its answer.
// kNever when nothing bounds it.
uint64_t Reactor::attemptEnds(const Exchange& exchange, Now now) const noexcept {
  const abi::RouteRecord& route = exchange.image->image->routes()[exchange.route];
  uint64_t end_ms = exchange.deadline_ms;
  // These times begin when the request is complete, which may be later than this.
  const uint64_t begin_ms = exchange.request_complete ? exchange.complete_ms : now.ms();
  if (route.timeout_ms != 0) end_ms = std::min(end_ms, begin_ms + route.timeout_ms);
  if (route.per_try_timeout_ms != 0) {
    end_ms = std::min(
        end_ms, std::max(exchange.attempt_ns / 1'000'000, begin_ms) + route.per_try_timeout_ms);
  }
  if (route.max_duration_ms != 0)
    end_ms = std::min(end_ms, exchange.started_ms + route.max_duration_ms);
  return end_ms;
}

// Before the head goes out, on every attempt: how long it is worth working on.
void Reactor::stampDeadline(Exchange& exchange, Now now) noexcept {
  const uint64_t end_ms = attemptEnds(exchange, now);
  const uint64_t left_ms = end_ms > now.ms() ? end_ms - now.ms() : 1;
  writeDeadline(exchange.head.data() + exchange.deadline_at,
                static_cast<uint32_t>(std::min<uint64_t>(left_ms, kMostDeadlineMs)));
}

}  // namespace millrace
