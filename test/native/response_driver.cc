#include "response_driver.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "engine/http/response_parser.h"
#include "guarded.h"

namespace millrace::test {

namespace {

Guarded& memory() {
  static Guarded guarded;
  return guarded;
}

std::string describeHead(const ResponseHead& head) {
  std::string out(head.status_line);
  out += " [";
  for (uint32_t i = 0; i < head.field_count; ++i) {
    const ResponseField& f = head.fields[i];
    out.append(i == 0 ? "" : ",").append(f.name).append("=").append(f.value);
    // The views must agree with each other, and lie where they say.
    const bool whole = f.line.starts_with(f.name) && f.line.size() > f.name.size() &&
                       f.line[f.name.size()] == ':' &&
                       f.line.find(f.value, f.name.size() + 1) != std::string_view::npos;
    if (!whole || f.line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
      out += "(BROKEN VIEW)";
  }
  out += head.persistent ? "] keep" : "] close";
  if (head.nominated != 0) out += " nominates";
  if (head.framing == BodyFraming::kNone && head.has_content_length)
    out += " would be " + std::to_string(head.content_length);
  return out;
}

}  // namespace

std::string ResponseDriver::run(std::string_view message,
                                const std::vector<std::size_t>& ends) const {
  static ResponseHead head;  // the reactor has one, too: nothing may be left of the last message
  std::string out;
  std::string gathered;
  std::string payload;
  std::size_t scanned = 0;
  std::size_t extra = 0;
  uint32_t interim = 0;
  bool head_done = false;
  BodyDecoder decoder;
  ResponseError error = ResponseError::kNone;

  const auto feed_body = [&](std::string_view piece) {
    char* const at = const_cast<char*>(memory().place(piece).data());
    const BodyDecoder::Result result = decoder.feed(at, piece.size());
    if (result.consumed > piece.size() || result.payload > result.consumed) out += "(OVERRUN)";
    if (result.done != decoder.done()) out += "(NOT DONE)";
    payload.append(at, result.payload);
    error = result.error;
    if (result.done) extra += piece.size() - result.consumed;
  };

  std::size_t start = 0;
  for (std::size_t i = 0; i <= ends.size() && error == ResponseError::kNone; ++i) {
    const std::size_t end = i < ends.size() ? std::min(ends[i], message.size()) : message.size();
    if (end < start || (end == start && end != 0)) continue;
    const std::string_view piece = message.substr(start, end - start);
    start = end;
    if (head_done) {
      feed_body(piece);
      continue;
    }
    gathered += piece;
    while (!head_done) {
      const std::string_view bytes = memory().place(gathered);
      const std::size_t length = findHeadEnd(bytes, &scanned, &error);
      if (error != ResponseError::kNone || length == 0) break;
      error = parseResponseHead(memory().place(std::string_view(gathered).substr(0, length)),
                                to_head_request, &head);
      if (error != ResponseError::kNone) break;
      if (head.interim()) {
        out += "(" + std::to_string(head.status) + ") ";
        if (++interim > kMaxInterimResponses) error = ResponseError::kTooManyInterim;
      } else {
        out += describeHead(head);
        head_done = true;
        decoder.start(head.framing, head.content_length);
      }
      gathered.erase(0, length);
      scanned = 0;
      if (error != ResponseError::kNone || (gathered.empty() && !head_done)) break;
    }
    if (head_done) feed_body(gathered);
  }
  if (head_done) out += " '" + payload + "'";
  if (closed && error == ResponseError::kNone)
    error = head_done ? decoder.finish() : ResponseError::kTruncated;
  if (error != ResponseError::kNone) {
    return out + (out.empty() || out.back() == ' ' ? "" : " ") + "error: " + describe(error);
  }
  if (head_done && closed && !decoder.done()) return out + " done by close";
  if (!out.empty() && out.back() != ' ') out += ' ';
  out += head_done && decoder.done() ? "done" : "open";
  return extra == 0 ? out : out + ", " + std::to_string(extra) + " more";
}

std::string ResponseDriver::runAllSplits(std::string_view message, Rng& rng, int rounds) const {
  const std::string whole = run(message, {});
  const auto differs = [&](const std::string& how, const std::vector<std::size_t>& ends) {
    const std::string other = run(message, ends);
    return other == whole ? std::string()
                          : how + " gives \"" + other + "\" but whole \"" + whole + "\"";
  };
  std::vector<std::size_t> ends;
  if (message.size() <= 4096) {
    for (std::size_t i = 1; i < message.size(); ++i) ends.push_back(i);
    if (std::string text = differs("byte by byte", ends); !text.empty()) return text;
  }
  for (int round = 0; round < rounds; ++round) {
    ends.clear();
    for (uint32_t n = 1 + rng.below(6); n != 0; --n)
      ends.push_back(rng.below(static_cast<uint32_t>(message.size()) + 1));
    std::sort(ends.begin(), ends.end());
    std::string how = "split at";
    for (const std::size_t end : ends) how += " " + std::to_string(end);
    if (std::string text = differs(how, ends); !text.empty()) return text;
  }
  return whole;
}

}  // namespace millrace::test
