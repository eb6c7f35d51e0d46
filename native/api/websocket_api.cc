#include "api/websocket_api.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/timed_threads.h"
#include "engine/websocket/frame_reader.h"
#include "engine/websocket/frame_writer.h"
#include "engine/websocket/handshake.h"
#include "engine/websocket/utf8.h"

namespace millrace::api {
namespace {

std::string bytesOf(const Napi::Value& value) {
  const auto array = value.As<Napi::Uint8Array>();
  return {reinterpret_cast<const char*>(array.Data()), array.ByteLength()};
}

Napi::Value bytesTo(Napi::Env env, const char* data, size_t size) {
  return Napi::Buffer<char>::Copy(env, data, size);
}

uint64_t countOf(const Napi::Value& value) {
  return static_cast<uint64_t>(value.As<Napi::Number>().Int64Value());
}

// Reads everything; each(piece) for what comes out. The last result.
template <typename Each>
FrameReader::Result readAll(FrameReader& reader, char** at, char* end, Each&& each) {
  FrameReader::Piece piece;
  while (true) {
    const FrameReader::Result result = reader.next(at, end, &piece);
    if (result != FrameReader::Result::kPiece) return result;
    each(piece);
  }
}

// C++ owns the reader; JS holds the handle, and the finalizer frees it.
class WebSocketReader : public Napi::ObjectWrap<WebSocketReader> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "WebSocketReader", {InstanceMethod<&WebSocketReader::feed>("feed")});
  }

  // (maxMessage)
  explicit WebSocketReader(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<WebSocketReader>(info) {
    reader_.start(countOf(info[0]));
  }

 private:
  // (bytes: Uint8Array) => { pieces, consumed, error, closeCode, midMessage }
  Napi::Value feed(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    std::string input = bytesOf(info[0]);
    char* at = input.data();
    Napi::Array pieces = Napi::Array::New(env);
    readAll(reader_, &at, input.data() + input.size(), [&](const FrameReader::Piece& piece) {
      Napi::Object one = Napi::Object::New(env);
      one.Set("opcode", static_cast<double>(piece.opcode));
      one.Set("data", bytesTo(env, piece.data, piece.size));
      one.Set("end", piece.end);
      one.Set("closeCode", static_cast<double>(piece.close_code));
      pieces.Set(pieces.Length(), one);
    });
    const FrameError error = reader_.error();
    Napi::Object result = Napi::Object::New(env);
    result.Set("pieces", pieces);
    result.Set("consumed", static_cast<double>(at - input.data()));
    result.Set("error", error == FrameError::kNone ? "" : describe(error));
    result.Set("closeCode", static_cast<double>(closeCodeOf(error)));
    result.Set("midMessage", reader_.midMessage());
    return result;
  }

  FrameReader reader_;
};

// (opcode, payload: Uint8Array, mask) => a whole frame as the engine sends it to a server.
Napi::Value writeFrame(const Napi::CallbackInfo& info) {
  const auto code = static_cast<uint8_t>(info[0].As<Napi::Number>().Uint32Value());
  std::string payload = bytesOf(info[1]);
  const uint32_t mask = info[2].As<Napi::Number>().Uint32Value();
  char head[kMaxFrameHead];
  const size_t n = writeFrameHead(code, payload.size(), mask, head);
  maskInPlace(payload.data(), payload.size(), mask);
  payload.insert(0, head, n);
  return bytesTo(info.Env(), payload.data(), payload.size());
}

// (code, reason: Uint8Array, mask) => a whole Close frame.
Napi::Value writeCloseFrame(const Napi::CallbackInfo& info) {
  const auto code = static_cast<uint16_t>(info[0].As<Napi::Number>().Uint32Value());
  std::array<char, kMaxCloseFrame> out;
  const size_t n =
      writeClose(code, bytesOf(info[1]), info[2].As<Napi::Number>().Uint32Value(), out);
  return bytesTo(info.Env(), out.data(), n);
}

// (key: string) => the Sec-WebSocket-Accept that answers it.
Napi::Value acceptKey(const Napi::CallbackInfo& info) {
  char out[kWebSocketAcceptSize];
  acceptOf(info[0].As<Napi::String>().Utf8Value(), out);
  return Napi::String::New(info.Env(), out, sizeof out);
}

// (frames: Uint8Array, n) => mean nanoseconds to read all these frames once.
Napi::Value timeWebSocketReads(const Napi::CallbackInfo& info) {
  std::string frames = bytesOf(info[0]);
  FrameReader reader;
  reader.start(uint64_t{1} << 40);
  return Napi::Number::New(
      info.Env(), timeThreads(1, countOf(info[1]), [&, n = countOf(info[1])](uint32_t) {
        for (uint64_t i = 0; i < n; ++i) {
          char* at = frames.data();
          readAll(reader, &at, frames.data() + frames.size(),
                  [](const FrameReader::Piece& piece) { keepValue(piece.size); });
        }
      }));
}

// (payload: Uint8Array, n) => mean nanoseconds to mask it.
Napi::Value timeMasking(const Napi::CallbackInfo& info) {
  std::string payload = bytesOf(info[0]);
  return Napi::Number::New(info.Env(),
                           timeThreads(1, countOf(info[1]), [&, n = countOf(info[1])](uint32_t) {
                             for (uint64_t i = 0; i < n; ++i) {
                               maskInPlace(payload.data(), payload.size(), 0x9e3779b9u);
                               keepValue(payload.data());
                             }
                           }));
}

// (text: Uint8Array, n) => mean nanoseconds to validate it.
Napi::Value timeUtf8(const Napi::CallbackInfo& info) {
  const std::string text = bytesOf(info[0]);
  return Napi::Number::New(
      info.Env(), timeThreads(1, countOf(info[1]), [&, n = countOf(info[1])](uint32_t) {
        for (uint64_t i = 0; i < n; ++i) {
          std::string_view view = text;
          keepValue(view.data());  // may have been written to: validate it again
          keepValue(isUtf8(view));
        }
      }));
}

}  // namespace

void exportWebSocket(Napi::Env env, Napi::Object exports) {
  exports.Set("WebSocketReader", WebSocketReader::define(env));
  const auto add = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("writeWebSocketFrame", writeFrame);
  add("writeWebSocketClose", writeCloseFrame);
  add("webSocketAccept", acceptKey);
  add("timeWebSocketReads", timeWebSocketReads);
  add("timeWebSocketMasking", timeMasking);
  add("timeUtf8", timeUtf8);
}

}  // namespace millrace::api
