#include <errno.h>
#include <time.h>

#include <algorithm>
#include <cstdio>

#include "common/body_pattern.h"
#include "common/clock.h"
#include "engine/net/socket_io.h"
#include "origin/origin.h"

namespace millrace::load {
namespace {

// The beginning of a body travels in the same segment as the head.
constexpr size_t kWithHeadBytes = 16 * 1024;
constexpr size_t kBuiltAtOnce = 64 * 1024;   // of a chunked body
constexpr uint64_t kPaceNs = 10 * kNsPerMs;  // between two pieces of a paced body

const char* reasonOf(int status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 404:
      return "Not Found";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

bool hasBody(int status) noexcept { return status != 204 && status != 304; }

}  // namespace

void Origin::buildHead(Connection& c, std::string* head) {
  const Answer& answer = c.answer;
  char line[96];
  std::snprintf(line, sizeof line, "HTTP/1.1 %d %s\r\n", answer.status, reasonOf(answer.status));
  *head += line;
  *head += "Server: millrace-origin\r\nDate: ";
  *head += date_;
  *head += "\r\nContent-Type: text/plain\r\n";
  if (hasBody(answer.status)) {
    if (!answer.chunked || answer.fault == Fault::kFraming) {
      std::snprintf(line, sizeof line, "Content-Length: %llu\r\n",
                    static_cast<unsigned long long>(answer.size));
      *head += line;
    }
    if (answer.chunked || answer.fault == Fault::kFraming)
      *head += "Transfer-Encoding: chunked\r\n";
  }
  if (c.had_body) {
    std::snprintf(line, sizeof line, "X-Received: %llu\r\n",
                  static_cast<unsigned long long>(c.body.bytes()));
    *head += line;
  }
  if (c.closes) *head += "Connection: close\r\n";
  *head += "\r\n";
}

void Origin::startAnswer(Connection& c) {
  Answer& answer = c.answer;
  if (answer.block_ns != 0) {
    const timespec wait{static_cast<time_t>(answer.block_ns / kNsPerSecond),
                        static_cast<long>(answer.block_ns % kNsPerSecond)};
    ::nanosleep(&wait, nullptr);
  }
  if (answer.delay_ns != 0) {
    c.state = State::kWaiting;
    later(c, answer.delay_ns);
    return;
  }
  switch (answer.fault) {
    case Fault::kReset:
      close(c, true);
      return;
    case Fault::kEof:
      close(c);
      return;
    case Fault::kHang:
      c.state = State::kHanging;
      return;
    default:
      break;
  }
  scratch_.clear();
  if (answer.fault == Fault::kGarbage) scratch_ += "this is no HTTP\r\n";
  buildHead(c, &scratch_);
  c.sent = 0;
  c.left = c.head_method || !hasBody(answer.status) ? 0 : answer.size;
  if (answer.fault == Fault::kTruncate) {
    c.left /= 2;
    c.closes = true;
  }
  if (c.left != 0 && !answer.chunked && answer.rate == 0) {
    const auto part = static_cast<size_t>(std::min<uint64_t>(c.left, kWithHeadBytes));
    scratch_.append(bodyPattern().at(0), part);
    if (answer.fault == Fault::kPattern) scratch_[scratch_.size() - part / 2 - 1] = '#';
    c.sent = part;
    c.left -= part;
  }
  if (answer.fault == Fault::kLonger && c.left == 0) scratch_ += "further bytes";
  if (answer.chunked && c.left == 0 && answer.size == 0 && !c.head_method) scratch_ += "0\r\n\r\n";
  c.state = State::kWriting;
  const ssize_t sent = sendBytes(c.fd, scratch_.data(), scratch_.size());
  if (sent < 0 && errno != EAGAIN) {
    close(c, true);
    return;
  }
  const size_t done = sent < 0 ? 0 : static_cast<size_t>(sent);
  if (done < scratch_.size()) c.out.append(std::string_view(scratch_).substr(done));
  writeMore(c);
}

// Writes what was built. False when the socket is full, or gone.
bool Origin::sendOut(Connection& c) {
  while (!c.out.empty()) {
    const ssize_t sent = sendBytes(c.fd, c.out.data(), c.out.size());
    if (sent < 0) {
      if (errno == EAGAIN)
        setInterest(c, true);
      else
        close(c, true);
      return false;
    }
    c.out.consume(static_cast<size_t>(sent));
  }
  return true;
}

void Origin::writeMore(Connection& c) {
  const bool paced = c.answer.rate != 0;
  uint64_t budget = paced ? std::max<uint64_t>(1, c.answer.rate * kPaceNs / kNsPerSecond) : c.left;
  for (;;) {
    if (!sendOut(c)) return;
    if (c.left == 0) break;
    if (budget == 0) {
      setInterest(c, false);
      later(c, kPaceNs);
      return;
    }
    if (c.answer.chunked) {
      // Several chunks per send, each of the size that was asked for.
      for (size_t built = 0; c.left != 0 && budget != 0 && built < kBuiltAtOnce;) {
        const uint64_t part = std::min({c.left, c.answer.chunk, budget});
        char size[24];
        const int digits =
            std::snprintf(size, sizeof size, "%llx\r\n", static_cast<unsigned long long>(part));
        c.out.append(size, static_cast<size_t>(digits));
        c.out.append(bodyPattern().at(c.sent), part);
        c.out.append("\r\n", 2);
        c.sent += part;
        c.left -= part;
        budget -= part;
        built += part;
      }
      if (c.left == 0 && c.answer.fault != Fault::kTruncate) c.out.append("0\r\n\r\n", 5);
      continue;
    }
    const uint64_t part = std::min({c.left, budget, uint64_t{BodyPattern::kBlock}});
    const ssize_t sent = sendBytes(c.fd, bodyPattern().at(c.sent), part);
    if (sent < 0) {
      if (errno == EAGAIN)
        setInterest(c, true);
      else
        close(c, true);
      return;
    }
    c.sent += static_cast<uint64_t>(sent);
    c.left -= static_cast<uint64_t>(sent);
    budget -= static_cast<uint64_t>(sent);
  }
  finishAnswer(c);
}

void Origin::finishAnswer(Connection& c) {
  if (c.closes) {
    close(c);
    return;
  }
  setInterest(c, false);
  c.state = State::kHead;
  if (c.kept.empty()) return;
  const std::string next(c.kept.view());
  c.kept.clear();
  consume(c, next.data(), next.size());
}

}  // namespace millrace::load
