#include <sys/epoll.h>

#include <algorithm>

#include "common/body_pattern.h"
#include "common/clock.h"
#include "generator/generator.h"

namespace millrace::load {
namespace {

// From here on a body is dropped inside the kernel instead of being copied and thrown away.
constexpr uint64_t kDiscardFromBytes = 32 * 1024;
constexpr uint64_t kDiscardAtOnce = 1024 * 1024;
// Reads of one connection before the others get their turn; not with TLS, whose buffered rest
// would raise no event.
constexpr int kReadsPerTurn = 16;
constexpr uint64_t kPaceNs = 100 * kNsPerMs;  // a slow client reads that often

}  // namespace

void Generator::send(Connection& c, uint64_t intended, uint64_t now) {
  c.reader.begin(options_.head_method, options_.check_pattern);
  c.intended_ns = intended;
  c.sent_ns = now;
  c.deadline_ns = now + options_.timeout_ns;
  c.state = ConnectionState::kBusy;
  if (c.role == Role::kMain && !c.has_request) ++busy_;
  const std::string_view head =
      c.role == Role::kSlow ? slow_composer_.next(rng_) : composer_.next(rng_);
  c.body_sent = 0;
  c.body_left = c.role == Role::kMain ? options_.body_bytes : 0;
  const IoResult result = c.stream.write(head.data(), head.size());
  if (result.io == Io::kOk) {
    if (measuring_) tally_.bytes_out += result.bytes;
    if (result.bytes < head.size()) c.unsent.append(head.substr(result.bytes));
  } else if (result.io == Io::kBlocked) {
    c.unsent.append(head);
  } else {
    c.write_failed = true;  // reading tells what happened
    c.body_left = 0;
  }
  if (!c.unsent.empty() || c.body_left != 0)
    flush(c, now);
  else if (c.role == Role::kSlow)
    setInterest(c, false);
}

void Generator::flush(Connection& c, uint64_t now) {
  while (!c.unsent.empty() || c.body_left != 0) {
    const bool head = !c.unsent.empty();
    const char* from = head ? c.unsent.data() : bodyPattern().at(c.body_sent);
    const size_t n =
        head ? c.unsent.size()
             : static_cast<size_t>(std::min<uint64_t>(c.body_left, BodyPattern::kBlock));
    const IoResult result = c.stream.write(from, n);
    if (result.io == Io::kBlocked) {
      if (!setInterest(c, true)) fail(c, Failure::kReset, "epoll", now);
      return;
    }
    if (result.io != Io::kOk) {
      c.write_failed = true;
      c.unsent.clear();
      c.body_left = 0;
      break;
    }
    if (measuring_) tally_.bytes_out += result.bytes;
    c.deadline_ns = now + options_.timeout_ns;
    if (head) {
      c.unsent.consume(result.bytes);
    } else {
      c.body_sent += result.bytes;
      c.body_left -= result.bytes;
    }
  }
  setInterest(c, false);
}

void Generator::receive(Connection& c, size_t limit) {
  const bool plain = c.stream.ssl() == nullptr;
  for (int reads = 0; !plain || reads < kReadsPerTurn; ++reads) {
    const uint64_t skippable = c.reader.skippable();
    const bool discard = plain && limit == SIZE_MAX && skippable >= kDiscardFromBytes;
    const size_t room = discard ? static_cast<size_t>(std::min(skippable, kDiscardAtOnce))
                                : std::min(buffer_.size(), limit);
    const IoResult result = discard ? c.stream.discard(room) : c.stream.read(buffer_.data(), room);
    if (result.io == Io::kBlocked) return;
    if (result.io != Io::kOk) {
      onEnd(c, result.io, nowNs());
      return;
    }
    if (c.state != ConnectionState::kBusy) {
      fail(c, Failure::kProtocol, "bytes that answer no request", nowNs());
      return;
    }
    if (measuring_) tally_.bytes_in += result.bytes;
    if (c.role == Role::kSlow) tally_.slow_bytes += result.bytes;
    size_t fed = result.bytes;
    if (discard)
      c.reader.skipped(result.bytes);
    else
      fed = c.reader.feed(buffer_.data(), result.bytes);
    if (c.reader.bad()) {
      fail(c, Failure::kProtocol, c.reader.problem(), nowNs());
      return;
    }
    if (c.reader.done()) {
      if (fed != result.bytes)
        fail(c, Failure::kProtocol, "bytes behind the end of an answer", nowNs());
      else
        finish(c, nowNs());
      return;
    }
    if (limit != SIZE_MAX) limit -= result.bytes;
    // A short read emptied the socket; what comes later raises an event.
    if (limit == 0 || (plain && result.bytes < room)) break;
  }
  // A long answer, or upload, is in time as long as it moves.
  if (c.state == ConnectionState::kBusy && c.reader.started())
    c.deadline_ns = nowNs() + options_.timeout_ns;
}

void Generator::onEnd(Connection& c, Io io, uint64_t now) {
  if (c.state == ConnectionState::kReady) {
    // The peer may close a connection between two requests; a client opens another one.
    if (c.role == Role::kIdle) {
      fail(c, io == Io::kEnd ? Failure::kEof : Failure::kReset, "of an idle client", now);
      return;
    }
    ++tally_.closed_idle;
    close(c, false);
    recover(c, now, false);
    return;
  }
  switch (io) {
    case Io::kEnd:
      if (c.reader.finishAtClose())
        finish(c, now);
      else
        fail(c, Failure::kEof,
             c.reader.started() ? "in the middle of an answer" : "instead of an answer", now);
      return;
    case Io::kTls:
      fail(c, Failure::kTls, "a broken record", now);
      return;
    case Io::kReset:
      fail(c, Failure::kReset,
           c.reader.started() ? "in the middle of an answer" : "instead of an answer", now);
      return;
    case Io::kOk:
    case Io::kBlocked:
      return;
  }
}

void Generator::finish(Connection& c, uint64_t now) {
  const int status = c.reader.status();
  bool right = true;
  if (measuring_ && c.role == Role::kMain) ++tally_.statuses[static_cast<size_t>(status)];
  if (options_.expect_status == 0 ? status < 200 || status > 299
                                  : status != options_.expect_status) {
    count(Failure::kStatus, std::to_string(status).c_str());
    right = false;
  } else if (c.role != Role::kSlow &&
             ((options_.expect_body >= 0 &&
               c.reader.bodyBytes() != static_cast<uint64_t>(options_.expect_body)) ||
              c.reader.wrongPattern())) {
    count(Failure::kBody, c.reader.wrongPattern()
                              ? "not the bytes that the origin sends"
                              : (std::to_string(c.reader.bodyBytes()) + " bytes").c_str());
    right = false;
  }
  if (right && c.role == Role::kMain) {
    if (measuring_) {
      ++tally_.requests;
      ++c.served;
    }
    if (c.intended_ns >= measure_from_ns_ && c.intended_ns < measure_to_ns_) {
      tally_.latency.record(now - c.intended_ns);
      tally_.service.record(now - c.sent_ns);
    }
  }
  // An answer that comes before the upload is complete leaves a connection in the middle of it.
  const bool again = !c.reader.closes() && c.unsent.empty() && c.body_left == 0 && !c.write_failed;
  c.deadline_ns = 0;
  switch (c.role) {
    case Role::kMain:
      --busy_;
      c.has_request = false;
      if (options_.connection_per_request) {
        if (c.reader.closes())
          closeGently(c);
        else
          close(c, false);
        makeFree(c, now);
      } else if (again) {
        c.state = ConnectionState::kReady;
        makeFree(c, now);
      } else {
        close(c, false);
        recover(c, now, false);
      }
      return;
    case Role::kIdle:
      c.state = ConnectionState::kReady;
      if (phase_ == Phase::kIdleCheck) {
        --checking_;
        if (right) ++tally_.idle_answered;
      }
      settle(c);
      if (!again) fail(c, Failure::kEof, "an idle client was told to go", now);
      return;
    case Role::kSlow:
      ++tally_.slow_answers;
      if (again && (loading() || phase_ == Phase::kOpening)) {
        send(c, now, now);
      } else {
        close(c, false);
        recover(c, now, false);
      }
      return;
  }
}

void Generator::paceSlowClients(uint64_t now) {
  if (slow_due_ns_ == 0) slow_due_ns_ = now;
  // One after the other, evenly over the pace, so that they are no burst.
  const uint64_t gap = std::max<uint64_t>(1, kPaceNs / options_.slow_clients);
  const auto share =
      static_cast<size_t>(std::max<uint64_t>(1, options_.slow_rate * kPaceNs / kNsPerSecond));
  for (; slow_due_ns_ <= now; slow_due_ns_ += gap) {
    Connection& c = *connections_[slow_next_];
    if (c.state == ConnectionState::kBusy) receive(c, share);
    if (++slow_next_ == connections_.size()) slow_next_ = slow_first_;
  }
}

}  // namespace millrace::load
