#include <algorithm>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/rng.h"
#include "engine/http/downstream_head.h"
#include "engine/route/matcher.h"
#include "engine/route/path_normalizer.h"
#include "fuzz_driver.h"
#include "fuzz_seeds.h"
#include "head_fixture.h"
#include "naive_http.h"

// Any request or answer, through routes that rewrite and edit. What is refused is refused; the
// heads that are written are each exactly one message to a strict reader that shares no code with
// the writer, with the same end-to-end fields in the same order, framed once, and with nothing that
// a peer made up in the proxy's name. The first byte says which: 'q' a request, its strings
// separated by 0x1e, 'a' an answer of an upstream.
namespace millrace::test {
namespace {

namespace op = abi::edit_operator;

constexpr uint32_t kListeners = 16;

std::unique_ptr<const Image> makeRoutes() {
  ImageBuilder b;
  b.addCluster({1});
  const uint32_t table = b.addTable({{{"*"},
                                      {{abi::path_kind::kPrefix, "/v1", 0, {}},
                                       {abi::path_kind::kPrefix, "/v2/", 0, {}},
                                       {abi::path_kind::kPrefix, "/fixed", 0, {}},
                                       {abi::path_kind::kPrefix, "/", 0, {}}}}});
  const std::vector<EditSpec> edits = {
      {op::kSet, "x-set", "1"}, {op::kAdd, "x-add", "2"}, {op::kRemove, "x-gone"}};
  applySpec(b, b.routes[0],
            {.rewrite = abi::rewrite::kPrefix, .rewrite_to = "/", .request_edits = edits});
  applySpec(b, b.routes[1],
            {.rewrite = abi::rewrite::kPrefix, .rewrite_to = "/api", .response_edits = edits});
  applySpec(b, b.routes[2],
            {.rewrite = abi::rewrite::kPath, .rewrite_to = "/new", .host = "b.internal"});
  for (const uint32_t rewrite : {abi::rewrite::kNone, abi::rewrite::kPath}) {
    const ImageBuilder::Text to = b.text("/moved");
    b.redirects.push_back({308, abi::kNone, 0, abi::kNone, 0, rewrite == 0 ? 0u : 81u, rewrite,
                           to.offset, to.length, 0});
  }
  // Every choice of what is added, each with and without names that have an underscore.
  for (uint32_t i = 0; i < kListeners; ++i) {
    const ImageBuilder::Text name = b.text("web" + std::to_string(i));
    const uint32_t underscores = i < 8 ? abi::underscores::kDrop : abi::underscores::kKeep;
    b.listeners.push_back({name.offset, name.length, table, i % 8, 0, 0, 65536, 0, 0, 65536, 65536,
                           abi::kMaxRequestFields, underscores, 0, 0, 0, 0});
  }
  return loadImage(b);
}

const Image& routes() {
  static const std::unique_ptr<const Image> image = makeRoutes();
  return *image;
}

using FieldList = std::vector<std::pair<std::string, std::string>>;

bool isOneOf(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What never goes to the other side, whatever Connection says.
bool isHopField(std::string_view name) {
  return isOneOf(name, {"connection", "keep-alive", "proxy-connection", "te", "trailer",
                        "transfer-encoding", "upgrade", "http2-settings"});
}

bool isForwarded(std::string_view name) { return name.starts_with("x-forwarded-"); }

enum class Fate { kKept, kDropped, kMayGo };

bool isNominated(const FieldList& fields, const std::string& name) {
  for (const auto& [other, value] : fields) {
    if (lowered(other) != "connection") continue;
    for (const std::string& option : listItems(value))
      if (lowered(option) == name) return true;
  }
  return false;
}

// The end-to-end fields of `from` must all be in `to`, in their order and otherwise unchanged; what
// else is there must be in `own`.
template <typename FateOf>
void compareFields(const FieldList& from, const FieldList& to, FateOf&& fate_of,
                   const std::vector<std::string>& own, std::string_view about) {
  std::size_t at = 0;
  for (const auto& [name, value] : to) {
    std::size_t same = at;
    while (same < from.size() && (from[same].first != name || trimmed(from[same].second) != value ||
                                  fate_of(from[same].first) == Fate::kDropped))
      ++same;
    const bool found =
        same < from.size() &&
        std::none_of(from.begin() + at, from.begin() + same,
                     [&](const auto& skipped) { return fate_of(skipped.first) == Fate::kKept; });
    if (found)
      at = same + 1;
    else if (std::find(own.begin(), own.end(), lowered(name)) == own.end())
      fuzzFault("a line from nowhere: " + name + ": " + value, about);
  }
  for (; at < from.size(); ++at)
    if (fate_of(from[at].first) == Fate::kKept) fuzzFault("lost: " + from[at].first, about);
}

void requireStrict(const StrictHead& head, std::string_view about) {
  if (!head.fault.empty()) fuzzFault(head.fault, about);
}

struct Sent {
  std::vector<std::string> pieces;
  FieldList fields;
};

// Names in lower case, as the listener gives them: the engine counts on it.
Sent readPieces(std::string_view text) {
  Sent sent{splitText(text, "\x1e"), {}};
  for (std::size_t i = 2; i < sent.pieces.size(); i += 2) {
    sent.pieces[i] = lowered(sent.pieces[i]);
    if (i + 1 < sent.pieces.size()) sent.fields.emplace_back(sent.pieces[i], sent.pieces[i + 1]);
  }
  return sent;
}

std::vector<std::string> valuesOf(const FieldList& fields, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [other, value] : fields)
    if (lowered(other) == name) values.push_back(trimmed(value));
  return values;
}

std::string withoutZeros(std::string digits) {
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
  return digits;
}

// What the upstream reads, against what the client sent.
void checkRequest(std::string_view written, const Sent& sent, uint32_t route,
                  const abi::ListenerRecord& listener, const Downstream& downstream) {
  const uint32_t flags = listener.flags;
  const StrictHead head = readStrictly(written);
  requireStrict(head, written);
  const std::vector<std::string> line = splitText(head.first, " ");
  if (line.size() != 3 || line[0] != sent.pieces[0] || !isToken(line[0]) || line[2] != "HTTP/1.1")
    fuzzFault("bad request line", written);
  const std::size_t mark = line[1].find('?');
  if (naivePath(line[1].substr(0, mark)) != line[1].substr(0, mark))
    fuzzFault("the path is not in its one form", written);
  const std::string& target = sent.pieces[1];
  const std::size_t asked = target.find('?');
  if ((mark == std::string::npos ? "" : line[1].substr(mark)) !=
      (asked == std::string::npos ? "" : target.substr(asked)))
    fuzzFault("another query", written);
  if (route == 3 && line[1].substr(0, mark) != naivePath(target.substr(0, asked)))
    fuzzFault("another path", written);

  // Framing: once, as the client's.
  const std::vector<std::string> lengths = head.all("content-length");
  const std::vector<std::string> codings = head.all("transfer-encoding");
  const std::vector<std::string> sent_lengths = valuesOf(sent.fields, "content-length");
  const bool chunked = !valuesOf(sent.fields, "transfer-encoding").empty();
  if (lengths.size() != sent_lengths.size() || codings.size() != (chunked ? 1u : 0u) ||
      (chunked && (codings[0] != "chunked" || !lengths.empty())) ||
      (!lengths.empty() && lengths[0] != withoutZeros(sent_lengths[0])))
    fuzzFault("framed differently", written);
  if (head.all("host") !=
      std::vector{route == 2 ? std::string("b.internal") : valuesOf(sent.fields, "host").at(0)})
    fuzzFault("another host", written);

  const bool forwarded = (flags & abi::listener_flag::kForwardedHeaders) != 0;
  const bool request_id = (flags & abi::listener_flag::kRequestId) != 0;
  const bool underscores = listener.underscores == abi::underscores::kKeep;
  std::vector<std::string> own = {"host", "content-length", "transfer-encoding", "max-forwards"};
  if (forwarded)
    own.insert(own.end(), {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"});
  if (request_id) own.emplace_back("x-request-id");
  if (route == 0) own.insert(own.end(), {"x-set", "x-add"});
  const auto fate = [&](const std::string& as_sent) {
    const std::string name = lowered(as_sent);
    if (isHopField(name)) return Fate::kDropped;
    if (isOneOf(name, {"host", "content-length", "expect", "proxy"}) || name.starts_with("proxy-"))
      return Fate::kDropped;
    // One that is let through may still be the other spelling of a header that is there.
    if (name.find('_') != std::string::npos) return underscores ? Fate::kMayGo : Fate::kDropped;
    // Two of the same value are one.
    if (valuesOf(sent.fields, name).size() > 1 &&
        isOneOf(name,
                {"authorization", "content-range", "content-type", "if-range", "origin", "range"}))
      return Fate::kMayGo;
    if (route == 0 && isOneOf(name, {"x-set", "x-gone"})) return Fate::kDropped;
    if (forwarded && isForwarded(name)) return Fate::kMayGo;
    if (request_id && name == "x-request-id") return Fate::kMayGo;
    if (name == "max-forwards") return Fate::kMayGo;
    // Credentials must not vanish on a peer's word; what else is protected is the proxy's choice.
    if (isOneOf(name, {"authorization", "cookie"})) return Fate::kKept;
    return isNominated(sent.fields, name) ? Fate::kMayGo : Fate::kKept;
  };
  compareFields(sent.fields, head.fields, fate, own, written);
  if (forwarded) {
    for (const char* name : {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"})
      if (head.all(name).size() != 1) fuzzFault(std::string("not one ") + name, written);
    if (!downstream.trusted &&
        (head.all("x-forwarded-for")[0].find(',') != std::string::npos ||
         head.all("x-forwarded-proto")[0] != "http" ||
         head.all("x-forwarded-host")[0] != valuesOf(sent.fields, "host")[0]))
      fuzzFault("a stranger speaks as a proxy", written);
  }
  if (request_id) {
    const std::vector<std::string> ids = head.all("x-request-id");
    if (ids.size() != 1) fuzzFault("not one request id", written);
    if (!downstream.trusted &&
        (ids[0].size() != 32 || ids[0].find_first_not_of("0123456789abcdef") != std::string::npos))
      fuzzFault("a stranger's request id", written);
  }
}

void tryRequest(std::string_view text, Rng& rng) {
  const Sent sent = readPieces(text);
  const Flat flat(sent.pieces);
  static RequestHead head;
  const Image& image = routes();
  const abi::ListenerRecord& listener = image.listeners()[rng.below(kListeners)];
  const RequestRules rules = rulesOf(image, listener);
  if (parseRequestHead(flat.head(), rules, &head) != RequestError::kNone) return;
  static Guarded room(65536);
  const NormalisedPath path =
      normalisePath(head.raw_path, rules.path, room.last(head.raw_path.size()));
  if (path.status == PathStatus::kRefused || head.isLastHop()) return;
  const RequestView view{head.method, head.method_bit, head.host,
                         path.path,   head.query,      {head.fields.data(), head.field_count}};
  const uint32_t route = matchRoute(image, listener.route_table, view);
  if (route == abi::kNone) fuzzFault("no route", path.path);
  Downstream downstream;
  const uint8_t peer[16] = {0x20, 0x01, 0x0d, 0xb8};
  downstream.peer = ipFromBytes({peer, rng.below(2) == 0 ? 4u : 16u});
  downstream.trusted = rng.below(2) == 0;
  Buffer out;
  writeUpstreamHead(image, listener, image.routes()[route], head, path.path, downstream, rng, &out);
  checkRequest(out.view(), sent, route, listener, downstream);

  static Guarded answer(256 * 1024);
  for (const abi::RedirectRecord& redirect : image.redirects()) {
    const std::span<char> into = answer.last(rng.below(4) == 0 ? rng.below(300) : 200'000);
    const std::size_t n = writeRedirectHead(image, image.routes()[route], redirect, head, path.path,
                                            false, false, into);
    if (n == 0) continue;
    const std::string bytes = "HTTP/1.1 " + std::string(into.data(), n) + "\r\n\r\n";
    const StrictHead read = readStrictly(bytes);
    requireStrict(read, bytes);
    if (read.all("location").size() != 1 || !read.first.starts_with("HTTP/1.1 308 "))
      fuzzFault("no redirect", bytes);
  }
}

void tryAnswer(std::string_view text, Rng& rng) {
  static ResponseHead head;
  static Guarded memory;
  static Guarded room;
  std::size_t scanned = 0;
  ResponseError error;
  const std::size_t end = findHeadEnd(text, &scanned, &error);
  if (end == 0) return;
  const bool to_head_request = rng.below(2) == 0;
  if (parseResponseHead(memory.place(text.substr(0, end)), to_head_request, &head) !=
      ResponseError::kNone)
    return;
  const std::optional<NaiveResponseHead> naive = naiveResponseHead(text.substr(0, end));
  if (!naive.has_value()) fuzzFault("a head that ought to be refused", text);
  const std::span<char> into = room.last(rng.below(4) == 0 ? rng.below(300) : 200'000);
  const uint32_t route = rng.below(4);
  const bool bodiless = head.framing == BodyFraming::kNone;
  const std::size_t n =
      writeDownstreamHead(routes(), routes().routes()[route], head, bodiless, into);
  if (n == 0) return;
  const std::string bytes = "HTTP/1.1 " + std::string(into.data(), n) + "\r\n\r\n";
  const StrictHead read = readStrictly(bytes);
  requireStrict(read, bytes);
  // The space before the reason is put where an upstream has left it out.
  if (read.first != "HTTP/1.1 " + naive->line + (naive->line.size() == 3 ? " " : ""))
    fuzzFault("another status line", bytes);
  const bool told = bodiless && naive->length.has_value() && naive->status != 204;
  if (read.all("content-length") !=
      (told ? std::vector{*naive->length} : std::vector<std::string>()))
    fuzzFault("another length", bytes);
  std::vector<std::string> own = {"content-length"};
  if (route == 1) own.insert(own.end(), {"x-set", "x-add"});
  const auto fate = [&](const std::string& as_sent) {
    const std::string name = lowered(as_sent);
    if (isHopField(name) || isOneOf(name, {"content-length", "date"})) return Fate::kDropped;
    if (route == 1 && isOneOf(name, {"x-set", "x-gone"})) return Fate::kDropped;
    if (isOneOf(name, {"set-cookie", "cache-control"})) return Fate::kKept;
    return isNominated(naive->fields, name) ? Fate::kMayGo : Fate::kKept;
  };
  compareFields(naive->fields, read.fields, fate, own, bytes);
}

// The head of a request as a client sends it, in the form that the listener gives it.
std::string flatOf(const std::string& message) {
  const std::vector<std::string> lines =
      splitText(message.substr(0, message.find("\r\n\r\n")), "\r\n");
  const std::vector<std::string> words = splitText(lines[0], " ");
  std::string out = "q" + words[0] + '\x1e' + (words.size() > 1 ? words[1] : "");
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::size_t colon = std::min(lines[i].find(':'), lines[i].size() - 1);
    if (lines[i].empty()) continue;
    out +=
        '\x1e' + lowered(lines[i].substr(0, colon)) + '\x1e' + trimmed(lines[i].substr(colon + 1));
  }
  return out;
}

std::string joined(const std::vector<std::string>& pieces) {
  std::string out = "q";
  for (const std::string& piece : pieces) out += (out.size() == 1 ? "" : "\x1e") + piece;
  return out;
}

}  // namespace

FuzzTarget fuzzTarget() {
  FuzzTarget target{
      .name = "heads", .seeds = {}, .fragments = {}, .separator = "\x1e", .inputs = 150'000};
  target.seeds = {
      joined({"GET", "/v1/a%2eb/../c?x=1", "host", "a.example:8080", "accept", "*/*", "x-set",
              "old", "x-gone", "y"}),
      joined({"POST", "/v2/x", "host", "[::1]", "content-length", "5", "connection", "close, x-a",
              "x-a", "b"}),
      joined({"PUT", "/fixed", "transfer-encoding", "chunked", "host", "a", "expect",
              "100-continue", "te", "trailers"}),
      joined({"GET", "/", "host", "a.", "x-forwarded-for", "1.1.1.1", "x-forwarded-host", "b",
              "x-request-id", "c"}),
      "aHTTP/1.1 200 OK\r\nServer: x\r\nDate: y\r\nConnection: x-a\r\nX-A: b\r\nx-set: "
      "z\r\nContent-Length: 5\r\n\r\n",
      "aHTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nSet-Cookie: a=b; c\r\nKeep-Alive: "
      "5\r\n\r\n",
      "aHTTP/1.0 204 \r\nx-gone: y\r\nUpgrade: z\r\n\r\n",
  };
  target.fragments = {"\r\n",
                      "\n",
                      "\r",
                      "\r\n\r\n",
                      ": ",
                      ",",
                      "/",
                      "//",
                      "/..",
                      "%2f",
                      "%0d%0a",
                      "?",
                      "#",
                      " ",
                      "\t",
                      "\x1e",
                      "\xff",
                      "_",
                      "[",
                      "]:1",
                      ":80",
                      "close",
                      "\r\nConnection: server\r\n",
                      " HTTP/1.1\r\nx: y"};
  target.fragments.emplace_back(1, '\0');
  for (const char* name :
       {"host", "connection", "content-length", "transfer-encoding", "x-forwarded-for",
        "x-request-id", "x-forwarded-host", "x_a", "upgrade", "x-set"})
    target.fragments.push_back(std::string("\x1e") + name + "\x1e" + "5");
  for (const char* name :
       {"Connection: x-set, set-cookie", "Connection: close", "Content-Length: 7", "x-gone: 1",
        "Set-Cookie: a", "Date: x", "Trailer: x", "Transfer-Encoding: chunked"})
    target.fragments.push_back(std::string("\r\n") + name + "\r\n");
  for (const std::string& message : hostileMessages("client"))
    target.seeds.push_back(flatOf(message));
  for (const std::string& message : hostileMessages("upstream"))
    target.seeds.push_back("a" + message);
  return target;
}

}  // namespace millrace::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace millrace;  // NOLINT
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  Rng rng(murmur3(text, data[0]));
  if (data[0] == 'q')
    test::tryRequest(text, rng);
  else
    test::tryAnswer(text, rng);
  return 0;
}
