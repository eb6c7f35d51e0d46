#ifndef MILLRACE_ENGINE_HTTP_DOWNSTREAM_HEAD_H_
#define MILLRACE_ENGINE_HTTP_DOWNSTREAM_HEAD_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/http/request_head.h"
#include "engine/http/response_parser.h"
#include "engine/image/image.h"

namespace millrace {

// Heads in the form that the listener writes in one piece: "200 OK\r\nname: value\r\nname: value",
// without the version before it and without the last CRLF. The listener adds Date, framing and, on
// request, "Connection: close". All writers return the number of bytes written, 0 when `out` is too
// small.

// From an upstream's head: end-to-end fields in order and case, hop-by-hop ones, Date and framing
// left out, the route's response edits applied. `bodiless` keeps Content-Length as a statement
// (HEAD, 304).
size_t writeDownstreamHead(const Image& image, const abi::RouteRecord& route,
                           const ResponseHead& head, bool bodiless, std::span<char> out) noexcept;

// Of an answer that the engine makes itself. `allow`: methods for an Allow header (an
// empty one says that there are none), or null.
size_t writeLocalHead(uint32_t status, size_t body_length, bool bodiless, std::string_view allow,
                      std::span<char> out,
                      std::string_view content_type = "text/plain; charset=utf-8") noexcept;
size_t writeRespondHead(const Image& image, const abi::RespondRecord& respond, bool bodiless,
                        std::span<char> out) noexcept;
size_t writeRedirectHead(const Image& image, const abi::RouteRecord& route,
                         const abi::RedirectRecord& redirect, const RequestHead& request,
                         std::string_view path, bool tls, bool bodiless,
                         std::span<char> out) noexcept;

// Appends header lines ("name: value\r\n" each) to a head of `length` bytes in `out`; the new
// length. Without room for all of them the head stays as it is.
size_t appendLines(std::string_view lines, std::span<char> out, size_t length) noexcept;

std::string_view reasonPhrase(uint32_t status) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_HTTP_DOWNSTREAM_HEAD_H_
