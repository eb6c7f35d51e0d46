#include "head_fixture.h"

#include <cstdlib>

#include "base/rng.h"
#include "engine/route/path_normalizer.h"

namespace millrace::test {

Flat::Flat(const Request& request) {
  add(request.method);
  add(request.target);
  for (const auto& [name, value] : request.fields) {
    add(name);
    add(value);
  }
  bytes_ = memory_.place(text_);
}

Flat::Flat(const std::vector<std::string>& pieces) {
  for (const std::string& piece : pieces) add(piece);
  bytes_ = memory_.place(text_);
}

void Flat::add(const std::string& piece) {
  text_ += piece;
  lengths_.push_back(static_cast<int32_t>(piece.size()));
}

void applySpec(ImageBuilder& builder, abi::RouteRecord& route, const HeadSpec& spec) {
  route.rewrite = spec.rewrite;
  if (spec.rewrite != abi::rewrite::kNone) {
    const ImageBuilder::Text to = builder.text(spec.rewrite_to);
    route.rewrite_offset = to.offset;
    route.rewrite_length = to.length;
  }
  if (!spec.host.empty()) {
    const ImageBuilder::Text host = builder.text(spec.host);
    route.host_offset = host.offset;
    route.host_length = host.length;
  }
  const auto add = [&](const std::vector<EditSpec>& edits, uint32_t* start, uint32_t* count) {
    *start = static_cast<uint32_t>(builder.edits.size());
    *count = static_cast<uint32_t>(edits.size());
    for (const EditSpec& edit : edits) {
      const ImageBuilder::Text name = builder.text(edit.name);
      const ImageBuilder::Text value = builder.text(edit.value);
      builder.edits.push_back({edit.op, name.offset, name.length, value.offset, value.length});
    }
  };
  add(spec.request_edits, &route.request_edit_start, &route.request_edit_count);
  add(spec.response_edits, &route.response_edit_start, &route.response_edit_count);
}

std::unique_ptr<const Image> loadImage(const ImageBuilder& builder) {
  ImageError error;
  std::unique_ptr<const Image> image = Image::load(builder.finish(), &error);
  if (image == nullptr) {
    std::fprintf(stderr, "the test's own image is refused: %s\n", error.message);
    std::abort();
  }
  return image;
}

std::unique_ptr<const Image> makeImage(const HeadSpec& spec) {
  ImageBuilder builder;
  builder.addCluster({1});
  const uint32_t table = builder.addTable({{{"*"}, {{spec.path_kind, spec.path, 0, {}}}}});
  applySpec(builder, builder.routes[0], spec);
  const ImageBuilder::Text name = builder.text("web");
  const uint32_t flags = spec.flags | (spec.tls ? abi::listener_flag::kTls : 0);
  builder.listeners.push_back({name.offset, name.length, table, flags, 0, 1, 65536, 0, 0, 65536,
                               65536, abi::kMaxRequestFields, spec.underscores, 0, 0, 0, 0});
  builder.cidrs = {{abi::family::kIpv4, 8, 0x0a000000, 0, 0, 0}};
  return loadImage(builder);
}

std::string upstreamHead(const HeadSpec& spec, const Request& request) {
  const std::unique_ptr<const Image> image = makeImage(spec);
  const RequestRules rules = rulesOf(*image, image->listeners()[0]);
  const Flat flat(request);
  static RequestHead head;
  const RequestError error = parseRequestHead(flat.head(), rules, &head);
  if (error != RequestError::kNone) return std::string("error: ") + describe(error);
  std::vector<char> room(3 * head.raw_path.size());
  const NormalisedPath path = normalisePath(head.raw_path, rules.path, room);
  if (path.status == PathStatus::kRefused) return "error: path";
  Downstream downstream;
  const uint8_t peer[] = {static_cast<uint8_t>(spec.trusted ? 10 : 192), 0, 2, 1};
  downstream.peer = ipFromBytes(peer);
  downstream.trusted = spec.trusted;
  downstream.tls = spec.tls;
  Rng rng(1);
  Buffer out;
  writeUpstreamHead(*image, image->listeners()[0], image->routes()[0], head, path.path, downstream,
                    rng, &out);
  return std::string(out.view());
}

std::string faultOfLines(std::string_view lines) {
  while (!lines.empty()) {
    const std::size_t end = lines.find("\r\n");
    if (end == std::string_view::npos) return "line without CRLF: " + std::string(lines);
    const std::string_view line = lines.substr(0, end);
    const std::size_t colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos)
      return "line without a name: " + std::string(line);
    if (!chars::all(line.substr(0, colon), chars::kToken))
      return "name is no token: " + std::string(line);
    if (!chars::all(line.substr(colon + 1), chars::kFieldValue))
      return "control byte: " + std::string(line);
    lines.remove_prefix(end + 2);
  }
  return {};
}

std::string faultOfRequest(std::string_view head) {
  const std::size_t end = head.find("\r\n\r\n");
  if (end == std::string_view::npos || end + 4 != head.size()) return "not exactly one head";
  const std::size_t first = head.find("\r\n");
  const std::string_view line = head.substr(0, first);
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || !line.ends_with(" HTTP/1.1")) return "bad request line";
  if (space == 0 || !chars::all(line.substr(0, space), chars::kToken)) return "bad method";
  const std::string_view target = line.substr(space + 1, line.size() - space - 10);
  if (!target.starts_with('/') || !chars::all(target, chars::kTarget)) return "bad target";
  const std::string_view lines = head.substr(first + 2, end - first);
  if (std::string fault = faultOfLines(lines); !fault.empty()) return fault;
  int hosts = 0;
  int framings = 0;
  for (std::string_view rest = lines; !rest.empty(); rest.remove_prefix(rest.find("\r\n") + 2)) {
    const HeaderId id = identifyHeader(rest.substr(0, rest.find(':')));
    hosts += id == HeaderId::kHost;
    framings += id == HeaderId::kContentLength || id == HeaderId::kTransferEncoding;
    if (isHopByHop(id) && id != HeaderId::kTransferEncoding)
      return "hop-by-hop: " + std::string(rest);
  }
  if (hosts != 1) return std::to_string(hosts) + " Host lines";
  return framings <= 1 ? std::string() : "framed twice";
}

}  // namespace millrace::test
