#ifndef MILLRACE_TEST_NATIVE_HEAD_FIXTURE_H_
#define MILLRACE_TEST_NATIVE_HEAD_FIXTURE_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/http/request_head.h"
#include "engine/http/upstream_head.h"
#include "engine/image/image.h"
#include "guarded.h"
#include "image_builder.h"

namespace millrace::test {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method = "GET";
  std::string target = "/";
  Fields fields = {{"host", "a.example"}};
};

// A request in the form that crosses the boundary, right before a page without access.
class Flat {
 public:
  explicit Flat(const Request& request);
  explicit Flat(const std::vector<std::string>& pieces);
  FlatHead head() const { return {bytes_, lengths_}; }

 private:
  void add(const std::string& piece);

  std::string text_;
  std::vector<int32_t> lengths_;
  Guarded memory_;
  std::string_view bytes_;
};

struct EditSpec {
  uint32_t op;
  std::string name;
  std::string value = {};
};

// What a head is written by: one route, one listener.
struct HeadSpec {
  uint32_t path_kind = abi::path_kind::kPrefix;
  std::string path = "/";
  uint32_t rewrite = abi::rewrite::kNone;
  std::string rewrite_to = {};
  std::string host = {};
  std::vector<EditSpec> request_edits = {};
  std::vector<EditSpec> response_edits = {};
  uint32_t flags = abi::listener_flag::kForwardedHeaders | abi::listener_flag::kRequestId;
  bool trusted = false;
  bool tls = false;
  uint32_t underscores = abi::underscores::kDrop;
};

// Sets rewrite, host and edits of a row of `builder.routes`.
void applySpec(ImageBuilder& builder, abi::RouteRecord& route, const HeadSpec& spec);
std::unique_ptr<const Image> loadImage(const ImageBuilder& builder);
std::unique_ptr<const Image> makeImage(const HeadSpec& spec);

// The head that goes upstream for the request, or "error: <sentence>" when it is refused.
std::string upstreamHead(const HeadSpec& spec, const Request& request);

// An empty string, or what is wrong with lines that ought to be header lines without control bytes.
std::string faultOfLines(std::string_view lines);
// The same for a whole request head: exactly one message, with one Host and one framing.
std::string faultOfRequest(std::string_view head);

}  // namespace millrace::test

#endif  // MILLRACE_TEST_NATIVE_HEAD_FIXTURE_H_
