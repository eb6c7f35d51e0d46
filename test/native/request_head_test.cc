#include "engine/http/request_head.h"

#include <string>
#include <vector>

#include "harness.h"
#include "head_fixture.h"

// Which requests are taken, and what is read out of them.
namespace millrace::test {
namespace {

RequestHead head;  // reused, as in the reactor: nothing of one request may show in the next
std::string authority;

std::string parse(const Request& request, std::size_t max_bytes = 65536) {
  const Flat flat(request);
  const RequestError error = parseRequestHead(flat.head(), max_bytes, &head);
  if (error != RequestError::kNone) {
    // What the client reads is one line, for a person.
    EXPECT_EQ(std::string(describe(error)).find('\n') + 1, std::strlen(describe(error)));
    return std::to_string(statusOf(error)) + " " +
           abi::kDownstreamErrorNames[static_cast<uint32_t>(error)];
  }
  authority = head.authority;
  std::string out = std::string(head.host) + " | " + std::string(head.raw_path);
  if (head.has_query) out += " ? " + std::string(head.query);
  if (head.chunked) out += " chunked";
  if (head.has_content_length) out += " length " + std::to_string(head.content_length);
  if (head.nominates) out += " nominates";
  return out;
}

std::string withFields(Fields fields) {
  fields.insert(fields.begin(), {"host", "a"});
  return parse({"POST", "/", fields});
}

std::string withHost(const std::string& host) { return parse({"GET", "/", {{"host", host}}}); }

CASE("request methods are tokens") {
  for (const char* method : abi::kMethodNames) {
    const bool traced = std::string(method) == "TRACE";
    EXPECT_EQ(parse({method}), traced ? "405 methodRefused" : "a.example | /", method);
    EXPECT_EQ(head.method_bit, methodBit(method));
  }
  EXPECT_EQ(parse({"PURGE"}), "a.example | /");
  EXPECT_EQ(head.method_bit, abi::kNone);
  EXPECT(!head.isIdempotent());
  EXPECT_EQ(parse({"get"}), "a.example | /");  // another method than GET
  EXPECT_EQ(head.method_bit, abi::kNone);
  EXPECT_EQ(parse({"M-SEARCH"}), "a.example | /");
  EXPECT_EQ(parse({std::string(32, 'A')}), "a.example | /");
  EXPECT_EQ(parse({"CONNECT", "a:443"}), "405 methodRefused");
  for (const std::string& method :
       {std::string(), std::string(33, 'A'), std::string("G T"), std::string("GET "),
        std::string("G\rT"), std::string("G\nT"), std::string("G\0T", 3), std::string("G:T"),
        std::string("G\xffT"), std::string("{")})
    EXPECT_EQ(parse({method}), "400 method", method);
}

CASE("requests without an effect may be sent twice") {
  for (const char* method :
       {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "QUERY", "PROPFIND", "SEARCH", "REPORT"}) {
    parse({method});
    EXPECT(head.isIdempotent(), method);
  }
  for (const char* method : {"POST", "PATCH", "LOCK", "MKCOL", "MOVE", "COPY", "PURGE"}) {
    parse({method});
    EXPECT(!head.isIdempotent(), method);
  }
}

CASE("request targets are paths of printable bytes") {
  EXPECT_EQ(parse({"GET", "/a/b%20c?x=1?y"}), "a.example | /a/b%20c ? x=1?y");
  EXPECT_EQ(parse({"GET", "/?"}), "a.example | / ? ");
  EXPECT_EQ(parse({"GET", "/\"<>[]\\^`{|}"}), "a.example | /\"<>[]\\^`{|}");
  for (const std::string& target :
       {std::string(), std::string("*"), std::string("a"), std::string("http://a/"),
        std::string("?a"), std::string("/a b"), std::string("/a#b"), std::string("/?a#b"),
        std::string("/a\rb"), std::string("/a\nb"), std::string("/a\0", 3), std::string("/\t"),
        std::string("/\x7f"), std::string("/\xc3\xa9"), std::string("/?\xff")})
    EXPECT_EQ(parse({"GET", target}), "400 target", target);
}

CASE("request hosts have one form") {
  EXPECT_EQ(withHost("A.Example"), "a.example | /");
  EXPECT_EQ(authority, "A.Example");
  EXPECT_EQ(withHost("a.example."), "a.example | /");
  EXPECT_EQ(withHost("a.example.:8080"), "a.example | /");
  EXPECT_EQ(authority, "a.example.:8080");
  EXPECT_EQ(withHost("a:"), "a | /");
  EXPECT_EQ(withHost("a:80"), "a | /");
  EXPECT_EQ(withHost("a:00080"), "a | /");
  EXPECT_EQ(withHost("127.0.0.1:1"), "127.0.0.1 | /");
  EXPECT_EQ(withHost("[::1]"), "[::1] | /");
  EXPECT_EQ(withHost("[::FFFF:1.2.3.4]:443"), "[::ffff:1.2.3.4] | /");
  EXPECT_EQ(withHost("a_b"), "a_b | /");
  EXPECT_EQ(withHost("a%41"), "a%41 | /");
  EXPECT_EQ(withHost(std::string(255, 'a')), std::string(255, 'a') + " | /");
  for (const std::string& host :
       {std::string(),           std::string("."),          std::string(":80"),
        std::string("a:80:80"),  std::string("a:8O"),       std::string("a:-1"),
        std::string("a:123456"), std::string("a b"),        std::string(" a"),
        std::string("a/"),       std::string("u@a"),        std::string("a?"),
        std::string("a#"),       std::string("a\\b"),       std::string("a\tb"),
        std::string("\xc3\xa9"), std::string("a\xff"),      std::string(256, 'a'),
        std::string("["),        std::string("[]"),         std::string("[:]"),
        std::string("[::1"),     std::string("::1"),        std::string("[::1]a"),
        std::string("[::1]]"),   std::string("[::1]:a"),    std::string("[::1]:123456"),
        std::string("[[::1]"),   std::string("a[b]"),       std::string("]a"),
        std::string("[g::1]"),   std::string("[::1%25lo]"), std::string("[a.example]"),
        std::string("[::1,a]")})
    EXPECT_EQ(withHost(host), "400 host", host);
  for (const std::string& host : {std::string("a\rb"), std::string("a\nb"), std::string("a\0b", 3)})
    EXPECT(withHost(host).starts_with("400 headerValue"));
  EXPECT_EQ(parse({"GET", "/", {}}), "400 missingHost");
  EXPECT_EQ(parse({"GET", "/", {{"host", "a"}, {"host", "a"}}}), "400 repeatedHost");
  EXPECT_EQ(parse({"GET", "/", {{"host", "a"}, {"x", "y"}, {"host", "b"}}}), "400 repeatedHost");
}

CASE("request bodies have one framing") {
  const std::string length = "400 contentLength";
  const std::string coding = "501 unknownTransferCoding";
  const std::string both = "400 lengthAndTransferEncoding";
  EXPECT_EQ(withFields({{"content-length", "5"}}), "a | / length 5");
  EXPECT_EQ(withFields({{"content-length", "0"}}), "a | / length 0");
  EXPECT_EQ(withFields({{"content-length", "999999999999999"}}), "a | / length 999999999999999");
  EXPECT_EQ(withFields({{"transfer-encoding", "chunked"}}), "a | / chunked");
  EXPECT_EQ(withFields({{"transfer-encoding", "CHUNKED"}}), "a | / chunked");
  for (const char* value : {"", "+5", "-5", "5,5", "5, 5", "0x5", "5 ", " 5", "5.0", "1e3",
                            "1000000000000000", "18446744073709551617", "\xd9\xa5"})
    EXPECT_EQ(withFields({{"content-length", value}}), length, value);
  EXPECT_EQ(withFields({{"content-length", "5"}, {"content-length", "5"}}), length);
  EXPECT_EQ(withFields({{"content-length", "5"}, {"content-length", "6"}}), length);
  for (const char* value : {"", "gzip", "gzip, chunked", "chunked, chunked", "chunked,", "identity",
                            " chunked", "chunked ", "xchunked", "chunked;q=1", "\"chunked\""})
    EXPECT_EQ(withFields({{"transfer-encoding", value}}), coding, value);
  EXPECT_EQ(withFields({{"transfer-encoding", "chunked"}, {"transfer-encoding", "chunked"}}),
            coding);
  EXPECT_EQ(withFields({{"transfer-encoding", "chunked"}, {"content-length", "5"}}), both);
  EXPECT_EQ(withFields({{"content-length", "0"}, {"transfer-encoding", "chunked"}}), both);
}

CASE("request headers are tokens and values without control bytes") {
  EXPECT_EQ(withFields({{"!#$%&'*+-.^_`|~09az", ""}, {"x", "\t \x80\xff~"}}), "a | /");
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string("a:"), std::string("a\r"),
        std::string("a\n"), std::string("a\0", 2), std::string("\xc3\xa9"), std::string("a(")})
    EXPECT_EQ(withFields({{name, "b"}}), "400 headerName", name);
  for (const std::string& value :
       {std::string("\r"), std::string("\n"), std::string("\r\n x"), std::string("\0", 1),
        std::string("\x1f"), std::string("\x7f"), std::string(70, 'x') + "\n"})
    EXPECT_EQ(withFields({{"a", value}}), "400 headerValue", value);
}

CASE("request expectations and nominations are read") {
  EXPECT_EQ(withFields({{"expect", "100-Continue"}}), "a | /");
  EXPECT_EQ(withFields({{"expect", ""}}), "417 expectation");
  EXPECT_EQ(withFields({{"expect", "100-continue, x"}}), "417 expectation");
  EXPECT_EQ(withFields({{"connection", "close"}}), "a | /");
  EXPECT_EQ(withFields({{"connection", "Keep-Alive , close,"}}), "a | /");
  EXPECT_EQ(withFields({{"connection", "close, x-a"}}), "a | / nominates");
  EXPECT_EQ(withFields({{"connection", "close"}, {"connection", "upgrade"}}), "a | / nominates");
}

CASE("request heads are bounded") {
  Request request;
  while (request.fields.size() < kMaxRequestFields) request.fields.push_back({"x", "y"});
  EXPECT_EQ(parse(request), "a.example | /");
  request.fields.push_back({"x", "y"});
  EXPECT_EQ(parse(request), "431 tooManyHeaders");
  // Method, target, one name and one value, each with two bytes of framing.
  const Request small{"GET", "/", {{"host", "a"}}};
  EXPECT_EQ(parse(small, 3 + 1 + 4 + 1 + 8), "a | /");
  EXPECT_EQ(parse(small, 3 + 1 + 4 + 1 + 7), "431 headTooLarge");
}

CASE("a request head that breaks off is refused") {
  const std::vector<std::string> whole = {"HEAD", "/", "host", "a", "x", "y"};
  for (std::size_t n = whole.size(); n-- > 0;) {
    const Flat flat(
        std::vector<std::string>(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)));
    const RequestError error = parseRequestHead(flat.head(), 65536, &head);
    if (n != 4) EXPECT(error != RequestError::kNone, std::to_string(n));
    // A refused head names no method of the one before.
    EXPECT_EQ(head.isHead(), n != 0, std::to_string(n));
  }
  for (const std::vector<int32_t>& lengths :
       std::vector<std::vector<int32_t>>{{-1, 1},
                                         {3, -1},
                                         {3, 1, 4, -1},
                                         {4, 1},
                                         {INT32_MAX, INT32_MAX},
                                         {3, 1, 4, 2},
                                         {3, 1, INT32_MIN, 1}}) {
    Guarded memory;
    EXPECT(parseRequestHead({memory.place("GET/hosta"), lengths}, 65536, &head) !=
           RequestError::kNone);
  }
}

}  // namespace
}  // namespace millrace::test
