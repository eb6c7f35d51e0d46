#include "api/matcher_api.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/timed_threads.h"
#include "engine/http/request_head.h"
#include "engine/image/image.h"
#include "engine/route/matcher.h"

namespace millrace::api {
namespace {

// One line "METHOD host path" or "METHOD host path?query": host lower case, path normalised, as
// the request parser hands them over.
RequestView parseLine(std::string_view line) noexcept {
  const auto cut = [&line](char separator) {
    const std::size_t end = std::min(line.find(separator), line.size());
    const std::string_view part = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return part;
  };
  RequestView view;
  view.method = cut(' ');
  view.method_bit = methodBit(view.method);
  view.host = cut(' ');
  view.path = cut('?');
  view.query = line;
  return view;
}

// C++ owns the image copy and the requests; JS holds the handle, and the finalizer frees them.
class Matcher : public Napi::ObjectWrap<Matcher> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Matcher",
                       {InstanceMethod<&Matcher::match>("match"),
                        InstanceMethod<&Matcher::setRequests>("setRequests"),
                        InstanceMethod<&Matcher::timeMatches>("timeMatches")});
  }

  // (image: ArrayBuffer, routeTable); throws when the image is refused or has no such table.
  explicit Matcher(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Matcher>(info) {
    Napi::ArrayBuffer bytes = info[0].As<Napi::ArrayBuffer>();
    ImageError error;
    image_ = Image::load({static_cast<const std::byte*>(bytes.Data()), bytes.ByteLength()}, &error);
    table_ = info[1].As<Napi::Number>().Uint32Value();
    if (image_ == nullptr) {
      Napi::RangeError::New(info.Env(), error.message).ThrowAsJavaScriptException();
    } else if (table_ >= image_->routeTables().size()) {
      Napi::RangeError::New(info.Env(), "no such route table").ThrowAsJavaScriptException();
    }
  }

 private:
  // (request: string) => ROUTE index, or -1. One string, as the data plane gets one: each string
  // that crosses costs more than a match.
  Napi::Value match(const Napi::CallbackInfo& info) {
    char text[kMaxLineBytes];
    size_t length = 0;
    if (napi_get_value_string_utf8(info.Env(), info[0], text, sizeof text, &length) != napi_ok) {
      Napi::TypeError::New(info.Env(), "expected a string").ThrowAsJavaScriptException();
      return info.Env().Undefined();
    }
    const uint32_t route = matchRoute(*image_, table_, parseLine({text, length}));
    return Napi::Number::New(info.Env(), route == abi::kNone ? -1.0 : route);
  }

  // (lines: string) => their number. What timeMatches walks over, in this order. Their bytes lie
  // one after the other, so that reading a request costs what reading a fresh head does, while the
  // tables are met in whatever order the lines have.
  Napi::Value setRequests(const Napi::CallbackInfo& info) {
    text_ = info[0].As<Napi::String>().Utf8Value();
    requests_.clear();
    std::string_view rest = text_;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      if (end != 0) requests_.push_back(parseLine(rest.substr(0, end)));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return Napi::Number::New(info.Env(), static_cast<double>(requests_.size()));
  }

  // (n, threads) => mean nanoseconds per match. A call goes on where the one before it stopped.
  Napi::Value timeMatches(const Napi::CallbackInfo& info) {
    const auto n = static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
    const uint32_t threads = timedThreads(info[1].As<Napi::Number>().Uint32Value());
    if (requests_.empty()) {
      Napi::RangeError::New(info.Env(), "no requests are set").ThrowAsJavaScriptException();
      return info.Env().Undefined();
    }
    const std::size_t first = next_;
    next_ = (next_ + n) % requests_.size();
    return Napi::Number::New(info.Env(), timeThreads(threads, n, [&](uint32_t thread) {
                               std::size_t at = (first + thread * (requests_.size() / threads)) %
                                                requests_.size();
                               for (uint64_t i = 0; i < n; ++i) {
                                 keepValue(matchRoute(*image_, table_, requests_[at]));
                                 if (++at == requests_.size()) at = 0;
                               }
                             }));
  }

  static constexpr std::size_t kMaxLineBytes = 4096;  // longer requests are cut

  std::unique_ptr<const Image> image_;
  uint32_t table_ = 0;
  std::string text_;
  std::vector<RequestView> requests_;  // views into text_
  std::size_t next_ = 0;
};

}  // namespace

void exportMatcher(Napi::Env env, Napi::Object exports) {
  exports.Set("Matcher", Matcher::define(env));
}

}  // namespace millrace::api
