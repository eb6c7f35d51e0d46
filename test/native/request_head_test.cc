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
std::string names;  // of the fields that count

std::string parse(const Request& request, const RequestRules& rules = {}) {
  const Flat flat(request);
  const RequestError error = parseRequestHead(flat.head(), rules, &head);
  if (error != RequestError::kNone) {
    // What the client reads is one line, for a person.
    EXPECT_EQ(std::string(describe(error)).find('\n') + 1, std::strlen(describe(error)));
    return std::to_string(statusOf(error)) + " " +
           abi::kDownstreamErrorNames[static_cast<uint32_t>(error)];
  }
  authority = head.authority;
  names.clear();
  for (uint32_t i = 0; i < head.field_count; ++i)
    names += (i == 0 ? "" : " ") + std::string(head.fields[i].name);
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
  EXPECT_EQ(parse({"CONNECT", "a:443"}), "400 target");
  for (const std::string& method :
       {std::string(), std::string(33, 'A'), std::string("G T"), std::string("GET "),
        std::string("G\rT"), std::string("G\nT"), std::string("G\0T", 3), std::string("G:T"),
        std::string("G\xffT"), std::string("{")})
    EXPECT_EQ(parse({method}), "400 method", method);
}

CASE("requests without an effect may be sent twice") {
  for (const char* method : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "QUERY",
                             "PROPFIND", "SEARCH", "REPORT"}) {
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
  EXPECT_EQ(withHost("a:0"), "a | /");
  EXPECT_EQ(withHost("a:65535"), "a | /");
  EXPECT_EQ(withHost("[2001:DB8:0:0:8:800:200c:417a]"), "[2001:db8:0:0:8:800:200c:417a] | /");
  EXPECT_EQ(withHost("a!$&'()*+;=~"), "a!$&'()*+;=~ | /");
  EXPECT_EQ(withHost(std::string(255, 'a')), std::string(255, 'a') + " | /");
  for (const std::string& host : {std::string(),
                                  std::string("."),
                                  std::string(":80"),
                                  std::string("a:80:80"),
                                  std::string("a:8O"),
                                  std::string("a:-1"),
                                  std::string("a:123456"),
                                  std::string("a b"),
                                  std::string(" a"),
                                  std::string("a/"),
                                  std::string("u@a"),
                                  std::string("a?"),
                                  std::string("a#"),
                                  std::string("a\\b"),
                                  std::string("a\tb"),
                                  std::string("\xc3\xa9"),
                                  std::string("a\xff"),
                                  std::string(256, 'a'),
                                  std::string("["),
                                  std::string("[]"),
                                  std::string("[:]"),
                                  std::string("[::1"),
                                  std::string("::1"),
                                  std::string("[::1]a"),
                                  std::string("[::1]]"),
                                  std::string("[::1]:a"),
                                  std::string("[::1]:123456"),
                                  std::string("[[::1]"),
                                  std::string("a[b]"),
                                  std::string("]a"),
                                  std::string("[g::1]"),
                                  std::string("[::1%25lo]"),
                                  std::string("[a.example]"),
                                  std::string("[::1,a]"),
                                  std::string("a,b"),
                                  std::string("a, b"),
                                  std::string("a%41"),
                                  std::string("a:65536"),
                                  std::string("a:99999"),
                                  std::string("[1::2::3]"),
                                  std::string("[1:2:3:4:5:6:7]"),
                                  std::string("[1:2:3:4:5:6:7:8:9]"),
                                  std::string("[12345::]"),
                                  std::string("[1.2.3.4]"),
                                  std::string("[v1.a:b]"),
                                  std::string("[::1.2.3.256]"),
                                  std::string("u:p@a")})
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
  for (const char* value : {"gzip", "gzip, chunked", "identity", "xchunked", "gzip, br"})
    EXPECT_EQ(withFields({{"transfer-encoding", value}}), coding, value);
  const std::string broken = "400 transferEncoding";
  for (const char* value :
       {"", ",", "chunked, chunked", "chunked,", ",chunked", "chunked, identity", " chunked",
        "chunked ", "chunked;q=1", "\"chunked\"", "chun ked", "gzip, chunked, gzip",
        "\xa0"
        "chunked"})
    EXPECT_EQ(withFields({{"transfer-encoding", value}}), broken, value);
  for (const char* second : {"chunked", "identity", "", "gzip"})
    EXPECT_EQ(withFields({{"transfer-encoding", "chunked"}, {"transfer-encoding", second}}),
              broken);
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
  RequestRules rules;
  Request request;
  while (request.fields.size() < kMaxRequestFields) request.fields.push_back({"x", "y"});
  EXPECT_EQ(parse(request), "a.example | /");
  request.fields.push_back({"x", "y"});
  EXPECT_EQ(parse(request), "431 tooManyHeaders");
  // Method, target, one name and one value, each with two bytes of framing.
  const Request small{"GET", "/", {{"host", "a"}}};
  rules.max_head = 3 + 1 + 4 + 1 + 8;
  EXPECT_EQ(parse(small, rules), "a | /");
  --rules.max_head;
  EXPECT_EQ(parse(small, rules), "431 headTooLarge");

  rules = {};
  rules.max_headers = 2;
  EXPECT_EQ(parse({"GET", "/", {{"host", "a"}, {"x", "y"}}}, rules), "a | /");
  // Lines that are dropped count, too: it is a limit of what a client sends.
  EXPECT_EQ(parse({"GET", "/", {{"host", "a"}, {"x", "y"}, {"x_z", ""}}}, rules),
            "431 tooManyHeaders");

  rules = {};
  rules.max_target = 5;
  EXPECT_EQ(parse({"GET", "/?abc", {{"host", "a"}}}, rules), "a | / ? abc");
  EXPECT_EQ(parse({"GET", "/a?abc", {{"host", "a"}}}, rules), "414 targetTooLong");

  rules = {};
  rules.max_header = 100;
  const auto line = [](std::size_t bytes) {
    return Request{"GET", "/", {{"host", "a"}, {"x", std::string(bytes - 5, 'v')}, {"a", "b"}}};
  };
  EXPECT_EQ(parse(line(100), rules), "a | /");
  EXPECT_EQ(parse(line(101), rules), "431 headerTooLong");
}

std::string kept(Fields fields, const RequestRules& rules = {}) {
  fields.insert(fields.begin(), {"host", "a"});
  const std::string result = parse({"POST", "/", fields}, rules);
  return result.starts_with("a | ") ? names : result;
}

CASE("a header that means one value is taken once, and refused with two") {
  for (const char* name :
       {"authorization", "content-type", "content-range", "range", "if-range", "origin"}) {
    EXPECT_EQ(kept({{name, "v"}, {"x", ""}, {name, "v"}}), std::string("host ") + name + " x",
              name);
    EXPECT_EQ(kept({{name, "v"}, {name, "w"}}), "400 repeatedHeader", name);
    EXPECT_EQ(kept({{name, "v"}, {name, ""}}), "400 repeatedHeader", name);
    EXPECT_EQ(kept({{name, "v"}, {name, "v"}, {name, "w"}}), "400 repeatedHeader", name);
  }
  // Lists, and fields of which either is as good.
  for (const char* name :
       {"accept", "cookie", "cache-control", "x-forwarded-for", "user-agent", "x"})
    EXPECT_EQ(kept({{name, "v"}, {name, "w"}}), std::string("host ") + name + " " + name, name);
}

CASE("what Connection names leaves before anything looks at it, but for what is protected") {
  EXPECT_EQ(kept({{"x-a", "1"}, {"connection", "X-A, close"}, {"x-b", ""}, {"x-a", "2"}}),
            "host connection x-b");
  EXPECT_EQ(kept({{"connection", "x-a"}, {"connection", ",, x-b ,"}, {"x-b", ""}, {"x-a", ""}}),
            "host connection connection");
  for (const char* name : {"content-type", "content-encoding", "authorization", "cookie",
                           "x-forwarded-for", "x-forwarded-port", "x-request-id", "forwarded",
                           "via", "x-real-ip", "sec-fetch-site", "origin", "range", "upgrade"})
    EXPECT_EQ(kept({{"connection", std::string("close, ") + name}, {name, "v"}}),
              std::string("host connection ") + name, name);
  EXPECT_EQ(kept({{"connection", "host, transfer-encoding"}, {"transfer-encoding", "chunked"}}),
            "host connection transfer-encoding");
  for (const char* value :
       {"close keep-alive", "a;b", "\"close\"", "close, a:b", "(x)", "a/b", "\xff"})
    EXPECT_EQ(kept({{"connection", value}}), "400 connectionOptions", value);
  EXPECT_EQ(kept({{"connection", ""}, {"connection", " , ,"}}), "host connection connection");
}

CASE("fields for proxies end here") {
  EXPECT_EQ(kept({{"proxy", "http://evil/"},
                  {"proxy-authorization", "Basic x"},
                  {"proxy-connection", "keep-alive"},
                  {"proxy-x", "y"},
                  {"proxyx", "z"}}),
            "host proxyx");
}

CASE("names with an underscore are dropped, refused or kept, and never stand for another") {
  const Fields fields = {{"x_a", "1"}, {"b", "2"}, {"x_c-d", "3"}};
  EXPECT_EQ(kept(fields), "host b");
  RequestRules rules;
  rules.underscores = abi::underscores::kReject;
  EXPECT_EQ(kept(fields, rules), "400 underscore");
  rules.underscores = abi::underscores::kKeep;
  EXPECT_EQ(kept(fields, rules), "host x_a b x_c-d");
  EXPECT_EQ(kept({{"x_a", "1"}, {"x_a", "2"}}, rules), "host x_a x_a");
  // Beside its other spelling, before it or after it, and whichever underscore it is.
  EXPECT_EQ(kept({{"x_a", "1"}, {"x-a", "2"}}, rules), "host x-a");
  EXPECT_EQ(kept({{"x-a", "1"}, {"x_a", "2"}, {"x_a", "3"}}, rules), "host x-a");
  EXPECT_EQ(kept({{"x_a-b", "1"}, {"x-a_b", "2"}}, rules), "host");
  // Of the proxy's own, of framing, of credentials.
  for (const char* name :
       {"x_forwarded_for", "x_forwarded-proto", "x_forwarded_port", "x_request_id", "x_real_ip",
        "content_length", "transfer_encoding", "content_type", "proxy_authorization",
        "max_forwards", "set_cookie", "if_range"})
    EXPECT_EQ(kept({{name, "v"}}, rules), "host", name);
  rules.underscore_names = {"x_a"};
  EXPECT_EQ(kept(fields, rules), "host x_a b");
  EXPECT_EQ(kept({{"x_a", "1"}, {"x-a", "2"}}, rules), "host x-a");
}

CASE("TRACE and CONNECT are refused unless TRACE is allowed") {
  RequestRules rules;
  EXPECT_EQ(parse({"TRACE"}), "405 methodRefused");
  EXPECT_EQ(parse({"CONNECT"}), "405 methodRefused");
  rules.allow_trace = true;
  EXPECT_EQ(parse({"TRACE"}, rules), "a.example | /");
  EXPECT_EQ(parse({"CONNECT"}, rules), "405 methodRefused");
  for (const Fields& body : {Fields{{"host", "a"}, {"content-length", "1"}},
                             Fields{{"host", "a"}, {"transfer-encoding", "chunked"}}})
    EXPECT_EQ(parse({"TRACE", "/", body}, rules), "400 traceBody");
}

CASE("Max-Forwards counts on OPTIONS and TRACE") {
  const auto hops = [](const char* method, Fields fields) {
    fields.insert(fields.begin(), {"host", "a"});
    RequestRules rules;
    rules.allow_trace = true;
    const std::string result = parse({method, "/", fields}, rules);
    if (!result.starts_with("a | ")) return result;
    if (head.max_forwards == abi::kNone) return std::string("none");
    return std::to_string(head.max_forwards) + (head.isLastHop() ? " last" : "");
  };
  for (const char* method : {"OPTIONS", "TRACE"}) {
    EXPECT_EQ(hops(method, {}), "none");
    EXPECT_EQ(hops(method, {{"max-forwards", "0"}}), "0 last");
    EXPECT_EQ(hops(method, {{"max-forwards", "10"}}), "10");
    EXPECT_EQ(hops(method, {{"max-forwards", "5"}, {"max-forwards", "5"}}), "5");
    EXPECT_EQ(hops(method, {{"max-forwards", "5"}, {"max-forwards", "4"}}), "400 repeatedHeader");
    for (const char* value : {"", "-1", "1.5", "a", "0x1", "1,1", "1234567890"})
      EXPECT_EQ(hops(method, {{"max-forwards", value}}), "400 maxForwards", value);
  }
  EXPECT_EQ(hops("GET", {{"max-forwards", "0"}}), "none");
  EXPECT_EQ(hops("GET", {{"max-forwards", "x"}}), "none");
}

CASE("a request head that breaks off is refused") {
  const std::vector<std::string> whole = {"HEAD", "/", "host", "a", "x", "y"};
  for (std::size_t n = whole.size(); n-- > 0;) {
    const Flat flat(
        std::vector<std::string>(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)));
    const RequestError error = parseRequestHead(flat.head(), RequestRules(), &head);
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
    EXPECT(parseRequestHead({memory.place("GET/hosta"), lengths}, RequestRules(), &head) !=
           RequestError::kNone);
  }
}

}  // namespace
}  // namespace millrace::test
