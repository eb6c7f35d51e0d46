#ifndef MILLRACE_API_TIMED_THREADS_H_
#define MILLRACE_API_TIMED_THREADS_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

namespace millrace::api {

// How many threads a caller gets who asks for this many.
inline uint32_t timedThreads(uint32_t asked) noexcept { return std::clamp(asked, 1u, 64u); }

// Tells the optimiser that `value` is needed, so that the work it came from is not dropped.
template <typename T>
inline void keepValue(const T& value) noexcept {
  asm volatile("" : : "r,m"(value) : "memory");
}

// For benches only: calls `body(thread)` on `threads` threads that start together, each of which
// does `n` operations, and returns the mean nanoseconds per operation as one thread sees them.
// With one thread it is the caller's own; it is blocked until all have ended in any case.
template <typename Body>
double timeThreads(uint32_t threads, uint64_t n, Body&& body) {
  using Clock = std::chrono::steady_clock;
  threads = timedThreads(threads);
  std::atomic<uint32_t> waiting{threads};
  std::vector<double> elapsed_ns(threads);
  const auto one = [&](uint32_t thread) {
    // Acquire and release, so that no thread's work can begin before the last one has arrived.
    waiting.fetch_sub(1, std::memory_order_acq_rel);
    while (waiting.load(std::memory_order_acquire) != 0) std::this_thread::yield();
    const Clock::time_point start = Clock::now();
    body(thread);
    elapsed_ns[thread] = std::chrono::duration<double, std::nano>(Clock::now() - start).count();
  };
  std::vector<std::thread> others;
  others.reserve(threads - 1);
  for (uint32_t t = 1; t < threads; ++t) others.emplace_back(one, t);
  one(0);
  for (std::thread& other : others) other.join();
  double total_ns = 0;
  for (const double ns : elapsed_ns) total_ns += ns;
  return n == 0 ? 0 : total_ns / threads / static_cast<double>(n);
}

}  // namespace millrace::api

#endif  // MILLRACE_API_TIMED_THREADS_H_
