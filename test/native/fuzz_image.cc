#include <algorithm>
#include <string>

#include "base/hash.h"
#include "base/rng.h"
#include "engine/http/downstream_head.h"
#include "engine/http/upstream_head.h"
#include "engine/route/matcher.h"
#include "fuzz_driver.h"
#include "guarded.h"
#include "head_fixture.h"
#include "naive_http.h"

// Any bytes as a compiled configuration: refused, or safe to serve requests from, and then every
// head that is written by it is one message.
namespace millrace::test {
namespace {

constexpr uint32_t kMostRows = 12;

void require(const StrictHead& head, std::string_view bytes) {
  if (!head.fault.empty()) fuzzFault(head.fault, bytes);
}

void requireAnswer(std::span<const char> head) {
  const std::string bytes = "HTTP/1.1 " + std::string(head.data(), head.size()) + "\r\n\r\n";
  require(readStrictly(bytes), bytes);
}

void serve(const Image& image, uint32_t table, std::string_view host, std::string_view path,
           Rng& rng) {
  static RequestHead request;
  static Guarded room;
  static const std::string kNothing;
  const Flat flat(Request{rng.below(2) == 0 ? "GET" : "POST",
                          "/?q=1+2&p",
                          {{"host", "h"}, {"x-a", "v1"}, {"x-name", "n"}, {"x-b", "ww"}}});
  if (parseRequestHead(flat.head(), RequestRules(), &request) != RequestError::kNone)
    fuzzFault("the target's own request is refused");
  const RequestView view{request.method, request.method_bit, host,
                         path,           request.query,      {request.fields.data(), 4}};
  const uint32_t row = matchRoute(image, table, view);
  if (row == abi::kNone) return;
  if (row >= image.routes().size()) fuzzFault("a route out of bounds");
  const abi::RouteRecord& route = image.routes()[row];
  Downstream downstream;
  for (const abi::ListenerRecord& listener :
       image.listeners().first(std::min<std::size_t>(image.listeners().size(), kMostRows))) {
    static RequestHead checked;
    static_cast<void>(parseRequestHead(flat.head(), rulesOf(image, listener), &checked));
    static Buffer out;
    out.clear();
    writeUpstreamHead(image, listener, route, request, path, downstream, rng, &out);
    const StrictHead head = readStrictly(out.view());
    require(head, out.view());
    if (head.all("host").size() != 1) fuzzFault("not one Host", out.view());
    if (head.first.find(' ') + 1 != head.first.find('/')) fuzzFault("bad target", out.view());
  }
  if (route.action == abi::action::kRedirect) {
    const abi::RedirectRecord& redirect = image.redirects()[route.action_start];
    const std::span<char> into = room.last(16 * 1024);
    requireAnswer(
        into.first(writeRedirectHead(image, route, redirect, request, path, false, false, into)));
  }
  if (route.action == abi::action::kRespond) {
    const abi::RespondRecord& respond = image.responds()[route.action_start];
    const std::span<char> into = room.last(16 * 1024);
    const std::size_t n = writeRespondHead(image, respond, true, into);
    if (n != 0) requireAnswer(into.first(n));
    if (!image.str(respond.body_offset, respond.body_length).empty())
      static_cast<void>(image.str(respond.body_offset, respond.body_length).back());
  }
}

// The text of a row, or "/" for an empty slot of a table.
std::string_view textOf(const Image& image, uint32_t offset, uint32_t length) {
  const std::string_view text = image.str(offset, length);
  return text.starts_with('/') ? text : std::string_view("/");
}

void serveAll(const Image& image, Rng& rng) {
  const auto few = [](auto rows) {
    return rows.first(std::min<std::size_t>(rows.size(), kMostRows));
  };
  std::vector<std::string> paths = {"/", "/v1/a", "/exact", "/item/7"};
  for (const abi::RouteRecord& route : few(image.routes())) {
    const std::string_view path = textOf(image, route.path_offset, route.path_length);
    if (path.size() > 1000 || naivePath(path) != path) continue;
    paths.emplace_back(path);
    paths.push_back(std::string(path) + "/x");
  }
  for (uint32_t table = 0; table < std::min<std::size_t>(image.routeTables().size(), kMostRows);
       ++table) {
    for (const std::string& path : paths)
      for (const std::string_view host : {"a.example.com", "x.y.deep.example.com", "other"})
        serve(image, table, host, path, rng);
  }
  uint64_t sum = 0;
  for (const abi::SubsetRecord& subset : few(image.subsets()))
    for (const uint32_t member : image.members(subset)) sum += image.endpoints()[member].weight;
  for (const abi::RateLimitRecord& limit : few(image.rateLimits()))
    for (const abi::RateKeyRecord& key : image.keys(limit)) sum += key.kind;
  for (const abi::ListenerRecord& listener : few(image.listeners()))
    sum += image.trust(listener).size();
  if (sum == 1) rng.next();  // read, and so checked by ASan
}

std::string imageOf(const ImageBuilder& builder) {
  const std::vector<std::byte> bytes = builder.finish();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

FuzzTarget fuzzTarget() {
  ImageBuilder small;
  small.addCluster({1});
  const uint32_t table = small.addTable({{{"*"}, {{abi::path_kind::kPrefix, "/", 0, {}}}}});
  const ImageBuilder::Text name = small.text("web");
  small.listeners.push_back(
      {name.offset, name.length, table, 0, 0, 0, 65536, 0, 0, 65536, 65536, 98, 0, 0, 0, 0, 0});
  FuzzTarget target{.name = "image",
                    .seeds = {imageOf(sampleImage()), imageOf(small)},
                    .fragments = {std::string("\xff\xff\xff\xff", 4), std::string("\0\0\0\0", 4),
                                  std::string("\1\0\0\0", 4), "\r\n", "/", "x"},
                    .binary = true,
                    .inputs = 40'000};
  for (int extra = 0; extra < 3; ++extra) {
    ImageBuilder other = sampleImage();
    if (extra == 0) other.rate_limits.clear(), other.rate_keys.clear();
    for (abi::RouteRecord& route : other.routes) {
      if (extra == 0) route.limit_count = 0;
      if (extra == 1) route.methods = 0;
      if (extra == 2) route.request_edit_count = route.response_edit_count = 0;
    }
    if (extra == 0) other.listeners[0].limit_count = 0;
    target.seeds.push_back(imageOf(other));
  }
  return target;
}

}  // namespace millrace::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace millrace;  // NOLINT
  ImageError error;
  const std::unique_ptr<const Image> image =
      Image::load({reinterpret_cast<const std::byte*>(data), size}, &error);
  if (image == nullptr) {
    if (error.message == nullptr) test::fuzzFault("refused without a word");
    return 0;
  }
  Rng rng(murmur3({reinterpret_cast<const char*>(data), size}, 0));
  test::serveAll(*image, rng);
  return 0;
}
