#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/rng.h"
#include "engine/http/downstream_head.h"
#include "engine/route/matcher.h"
#include "engine/route/path_normalizer.h"
#include "fuzz_driver.h"
#include "head_fixture.h"

// Any request or answer, through routes that rewrite and edit. What is refused is refused; the
// heads that are written are each exactly one message, whatever came in. The first byte says which:
// 'q' a request, its strings separated by 0x1e, 'a' an answer of an upstream.
namespace millrace::test {
namespace {

namespace op = abi::edit_operator;

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
  for (uint32_t flags = 0; flags < 16; ++flags) {
    const ImageBuilder::Text name = b.text("web" + std::to_string(flags));
    b.listeners.push_back({name.offset, name.length, table, flags, 0, 0, 65536, 0, 0});
  }
  return loadImage(b);
}

const Image& routes() {
  static const std::unique_ptr<const Image> image = makeRoutes();
  return *image;
}

void require(const std::string& fault, std::string_view head) {
  if (fault.empty()) return;
  std::fprintf(stderr, "%s:\n%.*s\n", fault.c_str(), static_cast<int>(head.size()), head.data());
  std::abort();
}

void requireAnswer(std::string_view head) {
  const std::size_t first = head.find("\r\n");
  if (!chars::all(head.substr(0, first), chars::kFieldValue)) require("bad status line", head);
  if (first == std::string_view::npos) return;
  const std::string lines = std::string(head.substr(first + 2)) + "\r\n";
  if (lines.find("\r\n\r\n") != std::string::npos) require("more than a head", head);
  require(faultOfLines(lines), head);
}

void tryRequest(std::string_view text, Rng& rng) {
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\x1e', at), text.size());
    pieces.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  const Flat flat(pieces);
  static RequestHead head;
  if (parseRequestHead(flat.head(), 65536, &head) != RequestError::kNone) return;
  Guarded room(65536);
  const NormalisedPath path = normalisePath(head.raw_path, room.last(head.raw_path.size()));
  if (path.status == PathStatus::kRefused) return;
  const Image& image = routes();
  const abi::ListenerRecord& listener = image.listeners()[rng.below(16)];
  const RequestView view{head.method, head.method_bit, head.host,
                         path.path,   head.query,      {head.fields.data(), head.field_count}};
  const uint32_t route = matchRoute(image, listener.route_table, view);
  if (route == abi::kNone) require("no route", path.path);
  Downstream downstream;
  const uint8_t peer[16] = {0x20, 0x01, 0x0d, 0xb8};
  downstream.peer = ipFromBytes({peer, rng.below(2) == 0 ? 4u : 16u});
  downstream.trusted = rng.below(2) == 0;
  Buffer out;
  writeUpstreamHead(image, listener, image.routes()[route], head, path.path, downstream, rng, &out);
  require(faultOfRequest(out.view()), out.view());

  Guarded answer(256 * 1024);
  for (const abi::RedirectRecord& redirect : image.redirects()) {
    const std::span<char> into = answer.last(rng.below(4) == 0 ? rng.below(300) : 200'000);
    const std::size_t n = writeRedirectHead(image, image.routes()[route], redirect, head, path.path,
                                            false, false, into);
    requireAnswer({into.data(), n});
  }
}

void tryAnswer(std::string_view text, Rng& rng) {
  static ResponseHead head;
  std::size_t scanned = 0;
  ResponseError error;
  const std::size_t end = findHeadEnd(text, &scanned, &error);
  if (end == 0) return;
  Guarded memory;
  if (parseResponseHead(memory.place(text.substr(0, end)), rng.below(2) == 0, &head) !=
      ResponseError::kNone)
    return;
  Guarded room;
  const std::span<char> into = room.last(rng.below(4) == 0 ? rng.below(300) : 200'000);
  const abi::RouteRecord& route = routes().routes()[rng.below(4)];
  const std::size_t n =
      writeDownstreamHead(routes(), route, head, head.framing == BodyFraming::kNone, into);
  requireAnswer({into.data(), n});
}

std::string joined(const std::vector<std::string>& pieces) {
  std::string out = "q";
  for (const std::string& piece : pieces) out += (out.size() == 1 ? "" : "\x1e") + piece;
  return out;
}

}  // namespace

std::vector<std::string> fuzzCorpus() {
  return {
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
}

std::vector<std::string> fuzzFragments() {
  std::vector<std::string> fragments = {"\r\n",
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
  fragments.emplace_back(1, '\0');
  for (const char* name :
       {"host", "connection", "content-length", "transfer-encoding", "x-forwarded-for",
        "x-request-id", "x-forwarded-host", "x_a", "upgrade", "x-set"})
    fragments.push_back(std::string("\x1e") + name + "\x1e" + "5");
  return fragments;
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
