#include "engine/http/upstream_head.h"

#include <string>
#include <vector>

#include "harness.h"
#include "head_fixture.h"

// The bytes that go to an upstream.
namespace millrace::test {
namespace {

namespace op = abi::edit_operator;
constexpr uint32_t kForwarded = abi::listener_flag::kForwardedHeaders;
constexpr uint32_t kRequestId = abi::listener_flag::kRequestId;

Request withFields(Fields fields, const std::string& method = "GET") {
  fields.insert(fields.begin(), {"host", "a.example"});
  return {method, "/", fields};
}

// A listener that adds nothing of its own.
std::string plain(const Request& request, HeadSpec spec = {}) {
  spec.flags &= ~(kForwarded | kRequestId);
  const std::string head = upstreamHead(spec, request);
  EXPECT_EQ(faultOfRequest(head), "", head);
  return head;
}

const std::string kStart = "GET / HTTP/1.1\r\nhost: a.example\r\n";
// Of the generator of upstreamHead, with its seed.
std::string idLine(const std::string& head) {
  const std::size_t at = head.find("x-request-id: ");
  return at == std::string::npos ? std::string() : head.substr(at, 14 + 32 + 2);
}

CASE("end-to-end headers go upstream in order and as they are") {
  EXPECT_EQ(plain(withFields(
                {{"accept", "*/*"}, {"x-b", ""}, {"cookie", "a=b; c=\xff\t"}, {"x-b", "2"}})),
            kStart + "accept: */*\r\nx-b: \r\ncookie: a=b; c=\xff\t\r\nx-b: 2\r\n\r\n");
  EXPECT_EQ(plain({"M-SEARCH", "/a?b=c?d&%", {{"x", "1"}, {"host", "[::1]:8080"}}}),
            "M-SEARCH /a?b=c?d&% HTTP/1.1\r\nhost: [::1]:8080\r\nx: 1\r\n\r\n");
  EXPECT_EQ(plain({"GET", "/a/../%7eb//c?", {{"host", "A.Example.:80"}}}),
            "GET /~b/c? HTTP/1.1\r\nhost: A.Example.:80\r\n\r\n");
}

CASE("hop-by-hop headers end at the proxy") {
  EXPECT_EQ(plain(withFields({{"connection", "keep-alive"},
                              {"keep-alive", "timeout=5"},
                              {"proxy-connection", "keep-alive"},
                              {"te", "trailers"},
                              {"trailer", "x"},
                              {"upgrade", "h2c"},
                              {"http2-settings", "AAMAAABk"},
                              {"expect", "100-continue"},
                              {"proxy-authorization", "Basic x"},
                              {"authorization", "Basic y"}})),
            kStart + "authorization: Basic y\r\n\r\n");
}

CASE("nominated headers are removed and protected ones are not") {
  EXPECT_EQ(plain(withFields(
                {{"x-a", "1"}, {"connection", "close, X-A ,x-c"}, {"x-b", "2"}, {"x-c", "3"}})),
            kStart + "x-b: 2\r\n\r\n");
  Fields fields = {
      {"connection", "host, content-length, x-forwarded-for, x-forwarded-host, x-forwarded-proto"},
      {"connection", "x-request-id, authorization, cookie, cache-control, forwarded, x-real-ip"}};
  std::string kept;
  for (const char* name :
       {"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id", "authorization",
        "cookie", "cache-control", "forwarded", "x-real-ip"}) {
    fields.push_back({name, "v"});
    kept += std::string(name) + ": v\r\n";
  }
  fields.push_back({"content-length", "3"});
  EXPECT_EQ(plain(withFields(fields)), kStart + kept + "content-length: 3\r\n\r\n");
  // Nominated, but written by the proxy itself.
  EXPECT_EQ(
      plain(withFields({{"connection", "transfer-encoding"}, {"transfer-encoding", "chunked"}})),
      kStart + "transfer-encoding: chunked\r\n\r\n");
}

CASE("framing is written anew") {
  EXPECT_EQ(plain(withFields({{"content-length", "007"}, {"x", "y"}})),
            kStart + "x: y\r\ncontent-length: 7\r\n\r\n");
  EXPECT_EQ(plain(withFields({{"content-length", "0"}})), kStart + "content-length: 0\r\n\r\n");
  EXPECT_EQ(plain(withFields({{"content-length", "999999999999999"}})),
            kStart + "content-length: 999999999999999\r\n\r\n");
  EXPECT_EQ(plain(withFields({{"transfer-encoding", "Chunked"}, {"x", "y"}})),
            kStart + "x: y\r\ntransfer-encoding: chunked\r\n\r\n");
}

CASE("names with an underscore never stand for what the proxy or the route writes") {
  const Request request = withFields({{"x_forwarded_for", "1"}, {"a", "b"}, {"x_c", "c"}});
  EXPECT_EQ(plain(request), kStart + "a: b\r\n\r\n");
  HeadSpec spec{.underscores = abi::underscores::kKeep};
  EXPECT_EQ(plain(request, spec), kStart + "a: b\r\nx_c: c\r\n\r\n");
  for (const uint32_t edit : {op::kSet, op::kAdd, op::kRemove}) {
    spec.request_edits = {{edit, "x-c", "ours"}};
    const std::string written = edit == op::kRemove ? "" : "x-c: ours\r\n";
    EXPECT_EQ(plain(request, spec), kStart + "a: b\r\n" + written + "\r\n");
  }
}

CASE("Max-Forwards goes on as one less, on OPTIONS and TRACE") {
  HeadSpec spec{.flags = abi::listener_flag::kAllowTrace};
  for (const char* method : {"OPTIONS", "TRACE"}) {
    const std::string start = std::string(method) + kStart.substr(3);
    EXPECT_EQ(plain(withFields({{"max-forwards", "010"}, {"x", "y"}}, method), spec),
              start + "x: y\r\nmax-forwards: 9\r\n\r\n");
  }
  EXPECT_EQ(plain(withFields({{"max-forwards", "5"}})), kStart + "max-forwards: 5\r\n\r\n");
}

CASE("TRACE goes on without credentials") {
  const Fields fields = {{"authorization", "Basic x"}, {"cookie", "a=b"}, {"x", "y"}};
  EXPECT_EQ(plain(withFields(fields, "TRACE"), {.flags = abi::listener_flag::kAllowTrace}),
            "TRACE" + kStart.substr(3) + "x: y\r\n\r\n");
}

CASE("forwarded headers of a peer without trust are overwritten") {
  const Request request = withFields({{"x-forwarded-for", "1.1.1.1"},
                                      {"x-forwarded-proto", "https"},
                                      {"x-forwarded-host", "evil"},
                                      {"x-request-id", "evil"},
                                      {"x", "y"}});
  const std::string head = upstreamHead({}, request);
  EXPECT_EQ(head, kStart + "x: y\r\nx-forwarded-for: 192.0.2.1\r\nx-forwarded-proto: http\r\n" +
                      "x-forwarded-host: a.example\r\n" + idLine(head) + "\r\n");
  EXPECT(idLine(head).find_first_not_of("0123456789abcdef", 14) == 14 + 32);
  const std::string tls = upstreamHead({.tls = true}, withFields({}));
  EXPECT(tls.find("x-forwarded-proto: https\r\n") != std::string::npos);
}

CASE("forwarded headers of a trusted peer are continued") {
  const Request request = withFields({{"x-forwarded-for", "1.1.1.1, 2.2.2.2"},
                                      {"x-forwarded-proto", "https"},
                                      {"x-forwarded-proto", "gopher"},
                                      {"x-forwarded-for", ""},
                                      {"x-forwarded-for", "3.3.3.3"},
                                      {"x-forwarded-host", "b.example"},
                                      {"x-forwarded-host", "c.example"},
                                      {"x-request-id", "abc"},
                                      {"x-request-id", "def"}});
  EXPECT_EQ(upstreamHead({.trusted = true}, request),
            kStart +
                "x-forwarded-proto: https\r\nx-forwarded-host: b.example\r\nx-request-id: abc\r\n" +
                "x-forwarded-for: 1.1.1.1, 2.2.2.2, 3.3.3.3, 10.0.2.1\r\n\r\n");
  const std::string bare =
      upstreamHead({.trusted = true, .tls = true}, withFields({{"x-request-id", ""}}));
  EXPECT_EQ(bare, kStart + "x-forwarded-for: 10.0.2.1\r\nx-forwarded-proto: https\r\n" +
                      "x-forwarded-host: a.example\r\n" + idLine(bare) + "\r\n");
  EXPECT(!idLine(bare).empty());
}

CASE("request edits set, add and remove") {
  HeadSpec spec;
  spec.request_edits = {{op::kSet, "x-set", "1"},
                        {op::kAdd, "x-add", "2"},
                        {op::kAdd, "x-add", "3"},
                        {op::kRemove, "x-gone"},
                        {op::kSet, "x-request-id", "fixed"},
                        {op::kRemove, "x-forwarded-for"},
                        {op::kSet, "x-empty", ""}};
  const std::string head = upstreamHead(spec, withFields({{"x-set", "old"},
                                                          {"x-add", "0"},
                                                          {"x-gone", "old"},
                                                          {"x-set", "older"},
                                                          {"x-request-id", "z"}}));
  EXPECT_EQ(head,
            kStart + "x-add: 0\r\nx-forwarded-proto: http\r\nx-forwarded-host: a.example\r\n" +
                "x-set: 1\r\nx-add: 2\r\nx-add: 3\r\nx-request-id: fixed\r\nx-empty: \r\n\r\n");
  EXPECT_EQ(faultOfRequest(head), "");
}

std::string target(const HeadSpec& spec, const std::string& path) {
  const std::string head = plain({"GET", path, {{"host", "a"}}}, spec);
  return head.substr(4, head.find(" HTTP/1.1\r\n") - 4);
}

CASE("prefixes are rewritten on whole segments") {
  const auto prefix = [](const char* from, const char* to) {
    return HeadSpec{.path = from, .rewrite = abi::rewrite::kPrefix, .rewrite_to = to};
  };
  struct Row {
    const char* from;
    const char* to;
    const char* path;
    const char* expected;
  };
  constexpr Row kRows[] = {
      {"/v1", "/", "/v1", "/"},
      {"/v1", "/", "/v1/", "/"},
      {"/v1", "/", "/v1/x", "/x"},
      {"/v1", "/", "/v1?q", "/?q"},
      {"/v1", "/api", "/v1", "/api"},
      {"/v1", "/api", "/v1/", "/api/"},
      {"/v1", "/api", "/v1/x/y?q=1", "/api/x/y?q=1"},
      {"/v1", "/api/", "/v1/x", "/api/x"},
      {"/v1", "/api/", "/v1", "/api/"},
      {"/v1/", "/api", "/v1/x", "/api/x"},
      {"/v1/", "/api", "/v1/", "/api"},
      {"/v1/", "/api/", "/v1/x", "/api/x"},
      {"/v1/", "/", "/v1/x", "/x"},
      {"/v1/", "/", "/v1/", "/"},
      {"/", "/api", "/", "/api"},
      {"/", "/api", "/x", "/api/x"},
      {"/", "/api/", "/x", "/api/x"},
      {"/", "/", "/x", "/x"},
  };
  for (const Row& row : kRows)
    EXPECT_EQ(target(prefix(row.from, row.to), row.path), row.expected,
              std::string(row.from) + " -> " + row.to + " of " + row.path);
}

CASE("paths and hosts are rewritten as a whole") {
  const HeadSpec path{.path = "/old", .rewrite = abi::rewrite::kPath, .rewrite_to = "/new"};
  EXPECT_EQ(target(path, "/old/x?q"), "/new?q");
  EXPECT_EQ(target(path, "/old"), "/new");
  EXPECT_EQ(plain(withFields({}), {.host = "b.internal:81"}),
            "GET / HTTP/1.1\r\nhost: b.internal:81\r\n\r\n");
  // The client's own name for it stays known.
  const std::string head = upstreamHead({.host = "b.internal"}, withFields({}));
  EXPECT(head.starts_with("GET / HTTP/1.1\r\nhost: b.internal\r\n"));
  EXPECT(head.find("x-forwarded-host: a.example\r\n") != std::string::npos);
}

}  // namespace
}  // namespace millrace::test
