#include "api/message_api.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/http/request_head.h"
#include "engine/http/response_parser.h"
#include "engine/route/path_normalizer.h"

namespace millrace::api {
namespace {

// Bytes as they are, one code unit each.
Napi::Value latin1(Napi::Env env, std::string_view bytes) {
  napi_value value = nullptr;
  if (napi_create_string_latin1(env, bytes.data(), bytes.size(), &value) != napi_ok)
    return env.Undefined();
  return {env, value};
}

const char* nameOf(BodyFraming framing) noexcept {
  switch (framing) {
    case BodyFraming::kNone:
      return "none";
    case BodyFraming::kLength:
      return "length";
    case BodyFraming::kChunked:
      return "chunked";
    case BodyFraming::kUntilClose:
      return "untilClose";
  }
  return "unknown";
}

void setHead(Napi::Object result, const ResponseHead& head) {
  const Napi::Env env = result.Env();
  result.Set("status", head.status);
  result.Set("statusLine", latin1(env, head.status_line));
  result.Set("framing", nameOf(head.framing));
  result.Set("persistent", head.persistent);
  const Napi::Array fields = Napi::Array::New(env, 2 * head.field_count);
  for (uint32_t i = 0; i < head.field_count; ++i) {
    fields.Set(2 * i, latin1(env, head.fields[i].name));
    fields.Set(2 * i + 1, latin1(env, head.fields[i].value));
  }
  result.Set("fields", fields);
}

// What a connection does with an answer, fed with one piece after the other.
class Reader {
 public:
  explicit Reader(bool to_head_request) : to_head_request_(to_head_request) {}

  void feed(std::string_view piece) {
    received_ += piece;
    if (!head_done_) readHeads();
    if (head_done_) readBody();
  }
  void close() {
    if (error_ == ResponseError::kNone)
      error_ = head_done_ ? decoder_.finish() : ResponseError::kTruncated;
    closed_ = true;
  }

  Napi::Object result(Napi::Env env) const {
    Napi::Object result = Napi::Object::New(env);
    if (error_ != ResponseError::kNone) result.Set("error", describe(error_));
    result.Set("truncated", error_ == ResponseError::kTruncated);
    const Napi::Array interim = Napi::Array::New(env);
    for (const uint32_t status : interim_) interim.Set(interim.Length(), status);
    result.Set("interim", interim);
    if (head_done_) setHead(result, *head_);
    result.Set("body", latin1(env, body_));
    result.Set("done",
               head_done_ && error_ == ResponseError::kNone && (decoder_.done() || closed_));
    result.Set("rest", static_cast<double>(received_.size()));
    return result;
  }

 private:
  void readHeads() {
    while (!head_done_ && error_ == ResponseError::kNone) {
      const size_t end = findHeadEnd(received_, &scanned_, &error_);
      if (end == 0) return;
      head_bytes_ = received_.substr(0, end);
      received_.erase(0, end);
      scanned_ = 0;
      error_ = parseResponseHead(head_bytes_, to_head_request_, head_.get());
      if (error_ != ResponseError::kNone) return;
      if (head_->interim()) {
        interim_.push_back(head_->status);
        if (interim_.size() > kMaxInterimResponses) error_ = ResponseError::kTooManyInterim;
        continue;
      }
      head_done_ = true;
      decoder_.start(head_->framing, head_->content_length);
    }
  }

  void readBody() {
    if (error_ != ResponseError::kNone) return;
    const BodyDecoder::Result fed = decoder_.feed(received_.data(), received_.size());
    body_.append(received_, 0, fed.payload);
    error_ = fed.error;
    received_.erase(0, fed.consumed);
  }

  const bool to_head_request_;
  std::string received_;    // and not yet used up
  std::string head_bytes_;  // what the views in `head_` point into
  size_t scanned_ = 0;
  std::unique_ptr<ResponseHead> head_ = std::make_unique<ResponseHead>();
  std::vector<uint32_t> interim_;
  bool head_done_ = false;
  bool closed_ = false;
  BodyDecoder decoder_;
  std::string body_;
  ResponseError error_ = ResponseError::kNone;
};

// (bytes: Uint8Array, ends: Uint32Array, toHead: boolean, closed: boolean) => NativeResponse
Napi::Value parseResponse(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  const Napi::Uint32Array ends = info[1].As<Napi::Uint32Array>();
  const std::string_view text(reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength());
  Reader reader(info[2].As<Napi::Boolean>());
  size_t at = 0;
  for (size_t i = 0; i <= ends.ElementLength(); ++i) {
    const size_t end = i < ends.ElementLength() ? ends.Data()[i] : text.size();
    if (end <= at || end > text.size()) continue;
    reader.feed(text.substr(at, end - at));
    at = end;
  }
  if (info[3].As<Napi::Boolean>()) reader.close();
  return reader.result(info.Env());
}

// (bytes: Uint8Array, lengths: Int32Array, maxBytes) => NativeRequest. The pieces are those of
// FlatHead.
Napi::Value parseRequest(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  const Napi::Int32Array lengths = info[1].As<Napi::Int32Array>();
  const FlatHead flat{{reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()},
                      {lengths.Data(), lengths.ElementLength()}};
  const auto head = std::make_unique<RequestHead>();
  Napi::Object result = Napi::Object::New(env);
  RequestRules rules;
  rules.max_head = info[2].As<Napi::Number>().Uint32Value();
  RequestError error = parseRequestHead(flat, rules, head.get());
  std::vector<char> room(head->raw_path.size());
  NormalisedPath path{PathStatus::kRefused, {}};
  if (error == RequestError::kNone) {
    path = normalisePath(head->raw_path, rules.path, room);
    if (path.status == PathStatus::kRefused) error = RequestError::kPath;
  }
  if (error != RequestError::kNone) {
    result.Set("error", describe(error));
    result.Set("status", statusOf(error));
    return result;
  }
  result.Set("method", latin1(env, head->method));
  result.Set("path", latin1(env, path.path));
  if (head->has_query) result.Set("query", latin1(env, head->query));
  result.Set("host", latin1(env, head->host));
  result.Set("chunked", head->chunked);
  if (head->has_content_length)
    result.Set("contentLength", static_cast<double>(head->content_length));
  return result;
}

}  // namespace

void exportMessages(Napi::Env env, Napi::Object exports) {
  exports.Set("parseResponse", Napi::Function::New<parseResponse>(env, "parseResponse"));
  exports.Set("parseRequest", Napi::Function::New<parseRequest>(env, "parseRequest"));
}

}  // namespace millrace::api
