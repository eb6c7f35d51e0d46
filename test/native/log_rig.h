#ifndef MILLRACE_TEST_NATIVE_LOG_RIG_H_
#define MILLRACE_TEST_NATIVE_LOG_RIG_H_

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "engine/image/image.h"
#include "engine/log/log_headers.h"
#include "engine/log/log_plan.h"
#include "engine/record/request_record.h"
#include "image_builder.h"

namespace millrace::test {

// A directory that goes with the test.
class WorkDirectory {
 public:
  WorkDirectory() {
    char path[] = "/tmp/millrace-log-XXXXXX";
    path_ = ::mkdtemp(path);
  }
  ~WorkDirectory() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline std::string contentOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

inline size_t linesIn(std::string_view text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

// A sink of an image: a text line of the request's id and target, to a file.
struct SinkSpec {
  std::string path;
  std::vector<std::string> routes = {};
  std::vector<uint32_t> statuses = {};  // in pairs
  uint32_t flags = 0;
  uint32_t share = 0;
  uint32_t min_duration_ms = 0;
};

inline uint32_t addTexts(ImageBuilder& b, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    const ImageBuilder::Text at = b.text(text);
    b.index.push_back(at.offset);
    b.index.push_back(at.length);
  }
  return static_cast<uint32_t>(2 * texts.size());
}

inline void addSink(ImageBuilder& b, const SinkSpec& spec) {
  abi::LogRecord r{};
  const ImageBuilder::Text name = b.text(spec.path);
  r.name_offset = name.offset;
  r.name_length = name.length;
  r.target = spec.path == "stdout" ? abi::log_target::kStdout : abi::log_target::kFile;
  r.flags = spec.flags;
  r.sample_share = spec.share;
  r.min_duration_ms = spec.min_duration_ms;
  r.status_start = static_cast<uint32_t>(b.index.size());
  r.status_count = static_cast<uint32_t>(spec.statuses.size());
  b.index.insert(b.index.end(), spec.statuses.begin(), spec.statuses.end());
  r.route_start = static_cast<uint32_t>(b.index.size());
  r.route_count = addTexts(b, spec.routes);
  r.header_start = static_cast<uint32_t>(b.index.size());
  r.header_count = addTexts(b, {"x-tenant"});
  r.step_start = static_cast<uint32_t>(b.log_steps.size());
  const ImageBuilder::Text blank = b.text(" ");
  const ImageBuilder::Text tenant = b.text("x-tenant");
  b.log_steps.push_back({abi::log_op::kId, abi::kNone, 0, 0, 0});
  b.log_steps.push_back({abi::log_op::kLiteral, blank.offset, blank.length, 0, 0});
  b.log_steps.push_back({abi::log_op::kTarget, abi::kNone, 0, 0, 0});
  b.log_steps.push_back({abi::log_op::kLiteral, blank.offset, blank.length, 0, 0});
  b.log_steps.push_back({abi::log_op::kStatus, abi::kNone, 0, 0, 0});
  b.log_steps.push_back({abi::log_op::kLiteral, blank.offset, blank.length, 0, 0});
  b.log_steps.push_back({abi::log_op::kHeader, tenant.offset, tenant.length, 0, 0});
  r.step_count = static_cast<uint32_t>(b.log_steps.size()) - r.step_start;
  b.logs.push_back(r);
}

inline std::unique_ptr<const Image> imageOf(const std::vector<SinkSpec>& sinks) {
  ImageBuilder b = sampleImage();
  b.logs.clear();
  b.log_steps.clear();
  for (abi::RouteRecord& route : b.routes) route.sinks = 0;
  for (const SinkSpec& sink : sinks) addSink(b, sink);
  return Image::load(b.finish(), nullptr);
}

// A request header as a record carries it.
inline std::string headerText(std::string_view name, std::string_view value) {
  std::string out(1, static_cast<char>(name.size()));
  out += name;
  const auto length = static_cast<uint16_t>(value.size());
  out.append(reinterpret_cast<const char*>(&length), sizeof length);
  out += value;
  return out;
}

}  // namespace millrace::test

#endif  // MILLRACE_TEST_NATIVE_LOG_RIG_H_
