// Built with ThreadSanitizer: workers that push, the writer, and a control plane that changes its
// mind.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/log/access_log.h"
#include "harness.h"
#include "log_rig.h"

namespace millrace::test {
namespace {

constexpr uint32_t kWorkers = 3;
constexpr uint64_t kRequests = 20'000;

CASE("every record that was taken is one line, across reloads and rotations") {
  const WorkDirectory dir;
  AccessLog log;
  log.noticeFd();
  std::mutex mutex;  // stands for the installation of an image
  std::shared_ptr<const LogPlan> installed = log.adopt(*imageOf({{dir.file("a")}}));
  std::atomic<uint64_t> taken{0};
  std::atomic<uint32_t> running{kWorkers};
  std::vector<std::thread> workers;
  for (uint32_t w = 0; w < kWorkers; ++w) {
    workers.emplace_back([&, w] {
      LogRing& ring = log.ring(w);
      RecordBuilder builder;
      std::shared_ptr<const LogPlan> plan;
      for (uint64_t i = 0; i < kRequests; ++i) {
        if (i % 50 == 0) {
          const std::lock_guard lock(mutex);
          plan = installed;
          ring.generation.store(plan->generation, std::memory_order_release);
        }
        RequestRecord& r = builder.begin();
        r.id = uint64_t{w} << 48 | i;
        r.status = 200;
        r.sinks = plan->generation << LogPlan::kSinkBits | 1;
        builder.addText(abi::record_text::kTarget, "/" + std::to_string(i));
        if (ring.records.push(builder.end())) {
          log.pushed(ring);
          taken.fetch_add(1);
        }
      }
      ring.generation.store(LogRing::kNoPlan, std::memory_order_release);
      running.fetch_sub(1);
    });
  }
  std::vector<std::string> files = {dir.file("a"), dir.file("b")};
  for (int round = 0; running.load() != 0; ++round) {
    const bool other = round % 2 == 0;
    {
      const std::lock_guard lock(mutex);
      installed = log.adopt(*imageOf({{dir.file(other ? "b" : "a")}, {dir.file("c")}}));
    }
    if (std::filesystem::exists(files[0])) {
      files.push_back(dir.file("a." + std::to_string(round)));
      std::filesystem::rename(files[0], files.back());
      log.reopen();
    }
    log.readStats();
    log.takeNotices();
    log.waitingBytes();
  }
  for (std::thread& worker : workers) worker.join();
  installed.reset();
  log.stop(60'000);
  pollfd told{log.noticeFd(), POLLIN, 0};
  while (!log.isStopped() && ::poll(&told, 1, 60'000) == 1) {
    uint64_t times = 0;
    static_cast<void>(!::read(told.fd, &times, sizeof times));
  }
  EXPECT(log.isStopped());
  std::vector<std::string> lines;
  for (const std::string& file : files) {
    std::istringstream in(contentOf(file));
    for (std::string line; std::getline(in, line);) lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  EXPECT(std::adjacent_find(lines.begin(), lines.end()) == lines.end(), "nothing twice");
  EXPECT_EQ(lines.size(), taken.load());
  EXPECT(taken.load() >= kRequests);
}

}  // namespace
}  // namespace millrace::test
