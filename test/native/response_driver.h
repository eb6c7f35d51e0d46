#ifndef MILLRACE_TEST_NATIVE_RESPONSE_DRIVER_H_
#define MILLRACE_TEST_NATIVE_RESPONSE_DRIVER_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"

namespace millrace::test {

// Feeds a message to the response parser as the reactor does, piece by piece, each piece right
// before a page without access, and tells in one line what came out:
//   "200 OK [a=b] keep 'body' done"          a whole answer
//   "HTTP/1.1-status [..] keep 'body' open"  more is wanted
//   "... done, 3 more"                       bytes follow the end of the message
//   "error: <sentence>"                      in the head
//   "... 'body' error: <sentence>"           in the body
// `ends` is where the pieces end; the end of the message needs not be named. With `closed` the
// connection ends after the last byte.
struct ResponseDriver {
  bool to_head_request = false;
  bool closed = false;

  std::string run(std::string_view message, const std::vector<std::size_t>& ends) const;

  // Whole, byte by byte and at `rounds` random splits. The line of the whole one, or a sentence
  // about the difference.
  std::string runAllSplits(std::string_view message, Rng& rng, int rounds = 4) const;
};

}  // namespace millrace::test

#endif  // MILLRACE_TEST_NATIVE_RESPONSE_DRIVER_H_
