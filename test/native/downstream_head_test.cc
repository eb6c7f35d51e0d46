#include "engine/http/downstream_head.h"

#include <string>
#include <vector>

#include "harness.h"
#include "head_fixture.h"

// The heads that go to the client, in the form that the listener writes in one piece: without the
// version before and the CRLF behind.
namespace millrace::test {
namespace {

namespace op = abi::edit_operator;

// Writes into exactly as much room as needed, before a page without access, and into one byte less.
template <typename Write>
std::string written(Write&& write) {
  static std::vector<char> room(256 * 1024);
  const std::size_t length = write(std::span<char>(room));
  if (length == 0) return "(nothing)";
  Guarded memory;
  const std::span<char> exact = memory.last(length);
  EXPECT_EQ(write(exact), length);
  const std::string out(exact.data(), length);
  EXPECT_EQ(write(memory.last(length - 1)), 0u);
  EXPECT_EQ(write(std::span<char>()), 0u);
  return out;
}

std::string answerHead(const std::string& lines, const HeadSpec& spec = {}, bool to_head = false) {
  const std::unique_ptr<const Image> image = makeImage(spec);
  const std::string message = "HTTP/1.1 " + lines + "\r\n\r\n";
  static ResponseHead head;
  const ResponseError error = parseResponseHead(message, to_head, &head);
  if (error != ResponseError::kNone) return describe(error);
  const bool bodiless = head.framing == BodyFraming::kNone;
  const std::string out = written([&](std::span<char> room) {
    return writeDownstreamHead(*image, image->routes()[0], head, bodiless, room);
  });
  const std::size_t first = out.find("\r\n");
  if (first != std::string::npos) EXPECT_EQ(faultOfLines(out.substr(first + 2) + "\r\n"), "", out);
  return out;
}

CASE("answers keep their end-to-end headers as they are") {
  EXPECT_EQ(answerHead("200 OK"), "200 OK");
  EXPECT_EQ(answerHead("200"), "200 ");  // the space belongs to the line (RFC 9112 section 4)
  EXPECT_EQ(answerHead("404 Nicht da\r\nServer:x\r\nSet-Cookie:  a=b \r\nset-cookie: "
                       "c=d\r\nX-Empty:\r\nContent-Length: 5"),
            "404 Nicht da\r\nServer:x\r\nSet-Cookie:  a=b \r\nset-cookie: c=d\r\nX-Empty:");
  EXPECT_EQ(
      answerHead("407 x\r\nProxy-Authenticate: Basic\r\nWWW-Authenticate: y\r\nContent-Length: 0"),
      "407 x\r\nProxy-Authenticate: Basic\r\nWWW-Authenticate: y");
}

CASE("hop-by-hop headers, framing and Date of an answer end at the proxy") {
  EXPECT_EQ(
      answerHead(
          "200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\nTE: "
          "x\r\n"
          "Trailer: x\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\nDate: today\r\nVia: x"),
      "200 OK\r\nVia: x");
  EXPECT_EQ(answerHead("200 OK\r\nX-A: 1\r\nConnection: x-a, close, set-cookie, "
                       "Content-Length\r\nSet-Cookie: a\r\n"
                       "Content-Length: 0\r\nx-b: 2\r\nX-a: 3"),
            "200 OK\r\nSet-Cookie: a\r\nx-b: 2");
}

CASE("a bodiless answer states the length that it would have") {
  EXPECT_EQ(answerHead("200 OK\r\nContent-Length: 007", {}, true), "200 OK\r\nContent-Length: 7");
  EXPECT_EQ(answerHead("200 OK\r\nTransfer-Encoding: chunked", {}, true), "200 OK");
  EXPECT_EQ(answerHead("304 Not Modified\r\nContent-Length: 5\r\nETag: x"),
            "304 Not Modified\r\nContent-Length: 5\r\nETag: x");
  EXPECT_EQ(answerHead("204 No Content\r\nContent-Length: 5"), "204 No Content");
  EXPECT_EQ(answerHead("200 OK\r\nContent-Length: 5"), "200 OK");
}

CASE("response edits set, add and remove") {
  HeadSpec spec;
  spec.response_edits = {{op::kSet, "server", "millrace"},
                         {op::kRemove, "x-powered-by"},
                         {op::kAdd, "vary", "origin"},
                         {op::kSet, "x-empty", ""}};
  EXPECT_EQ(answerHead("200 OK\r\nServer: old\r\nX-Powered-By: y\r\nVary: accept\r\nSERVER: "
                       "older\r\nContent-Length: 0",
                       spec),
            "200 OK\r\nVary: accept\r\nserver: millrace\r\nvary: origin\r\nx-empty: ");
}

CASE("answers of the proxy itself have a type and, without a body, a length") {
  const auto local = [](uint32_t status, std::size_t length, bool bodiless,
                        std::string_view allow) {
    return written([&](std::span<char> room) {
      return writeLocalHead(status, length, bodiless, allow, room);
    });
  };
  EXPECT_EQ(local(503, 7, false, {}),
            "503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8");
  EXPECT_EQ(local(404, 12, true, {}),
            "404 Not Found\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 12");
  EXPECT_EQ(local(405, 0, false, "GET, QUERY"),
            "405 Method Not Allowed\r\ncontent-type: text/plain; charset=utf-8\r\n"
            "allow: GET, QUERY");
  EXPECT_EQ(local(405, 0, false, ""),
            "405 Method Not Allowed\r\ncontent-type: text/plain; charset=utf-8\r\nallow: ");
  EXPECT_EQ(local(299, 0, false, {}), "299 Status\r\ncontent-type: text/plain; charset=utf-8");
}

std::string respondHead(uint32_t status, const std::string& body, const std::string& lines,
                        bool bodiless) {
  ImageBuilder builder;
  builder.addCluster({1});
  builder.addTable({{{"*"}, {{abi::path_kind::kPrefix, "/", 0, {}}}}});
  builder.routes[0].action = abi::action::kRespond;
  const ImageBuilder::Text text = builder.text(body);
  const ImageBuilder::Text headers = builder.text(lines);
  builder.responds.push_back({status, text.offset, text.length, headers.offset, headers.length});
  const std::unique_ptr<const Image> image = loadImage(builder);
  return written([&](std::span<char> room) {
    return writeRespondHead(*image, image->responds()[0], bodiless, room);
  });
}

CASE("configured answers carry their headers") {
  EXPECT_EQ(respondHead(200, "ok", "content-type: text/plain\r\nx-a: \r\n", false),
            "200 OK\r\ncontent-type: text/plain\r\nx-a: ");
  EXPECT_EQ(respondHead(200, "ok", "", false), "200 OK");
  EXPECT_EQ(respondHead(418, "short", "x: y\r\n", true),
            "418 I'm a teapot\r\nx: y\r\ncontent-length: 5");
  EXPECT_EQ(respondHead(204, "", "x: y\r\n", true), "204 No Content\r\nx: y");
  EXPECT_EQ(respondHead(304, "", "", true), "304 Not Modified");
}

struct RedirectSpec {
  uint32_t status = 308;
  std::string scheme = {};
  std::string host = {};
  uint32_t port = 0;
  uint32_t rewrite = abi::rewrite::kNone;
  std::string rewrite_to = {};
  bool strip_query = false;
  std::string prefix = "/";
};

std::string redirectTo(const RedirectSpec& spec, const std::string& host, const std::string& target,
                       bool tls = false, bool bodiless = false) {
  ImageBuilder builder;
  builder.addCluster({1});
  builder.addTable({{{"*"}, {{abi::path_kind::kPrefix, spec.prefix, 0, {}}}}});
  builder.routes[0].action = abi::action::kRedirect;
  const auto optional = [&](const std::string& text) {
    return text.empty() ? ImageBuilder::Text{abi::kNone, 0} : builder.text(text);
  };
  const ImageBuilder::Text scheme = optional(spec.scheme);
  const ImageBuilder::Text name = optional(spec.host);
  const ImageBuilder::Text to = optional(spec.rewrite_to);
  builder.redirects.push_back({spec.status, scheme.offset, scheme.length, name.offset, name.length,
                               spec.port, spec.rewrite, to.offset, to.length,
                               spec.strip_query ? 1u : 0u});
  const std::unique_ptr<const Image> image = loadImage(builder);
  const Flat flat(Request{"GET", target, {{"host", host}}});
  static RequestHead head;
  EXPECT(parseRequestHead(flat.head(), RequestRules(), &head) == RequestError::kNone);
  const std::string out = written([&](std::span<char> room) {
    return writeRedirectHead(*image, image->routes()[0], image->redirects()[0], head, head.raw_path,
                             tls, bodiless, room);
  });
  const std::string start =
      std::to_string(spec.status) + " " + std::string(reasonPhrase(spec.status)) + "\r\nlocation: ";
  EXPECT(out.starts_with(start), out);
  return out.substr(start.size());
}

CASE("redirects change what they are told to and keep the rest") {
  EXPECT_EQ(redirectTo({}, "A.example:8080", "/x?q=1"), "http://A.example:8080/x?q=1");
  EXPECT_EQ(redirectTo({}, "a", "/", true), "https://a/");
  EXPECT_EQ(redirectTo({.scheme = "https"}, "A.Example.:8080", "/x"), "https://a.example/x");
  EXPECT_EQ(redirectTo({.scheme = "https"}, "[::1]:8080", "/x?"), "https://[::1]/x?");
  EXPECT_EQ(redirectTo({.host = "b.example"}, "a:81", "/x"), "http://b.example/x");
  EXPECT_EQ(redirectTo({.scheme = "https", .host = "b", .port = 8443}, "a:81", "/"),
            "https://b:8443/");
  EXPECT_EQ(redirectTo({.port = 81}, "a:80", "/"), "http://a:81/");
  EXPECT_EQ(redirectTo({.strip_query = true}, "a", "/x?secret"), "http://a/x");
  EXPECT_EQ(redirectTo({.status = 301, .rewrite = abi::rewrite::kPath, .rewrite_to = "/new"}, "a",
                       "/old/x?q"),
            "http://a/new?q");
  EXPECT_EQ(
      redirectTo(
          {.status = 307, .rewrite = abi::rewrite::kPrefix, .rewrite_to = "/", .prefix = "/v1"},
          "a", "/v1/x"),
      "http://a/x");
  EXPECT_EQ(redirectTo({}, "a", "/", false, true), "http://a/\r\ncontent-length: 0");
}

CASE("status codes have their reason phrases") {
  EXPECT_EQ(reasonPhrase(200), "OK");
  EXPECT_EQ(reasonPhrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(reasonPhrase(299), "Status");
}

}  // namespace
}  // namespace millrace::test
