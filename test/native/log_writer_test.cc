#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <thread>

#include "engine/log/access_log.h"
#include "harness.h"
#include "log_rig.h"

// From the rings of workers to files: plans that change, files that are renamed, the end.
namespace millrace::test {
namespace {

// A worker that has one plan.
class Worker {
 public:
  Worker(AccessLog& log, uint32_t index) : log_(log), ring_(log.ring(index)), index_(index) {}

  void take(std::shared_ptr<const LogPlan> plan) {
    plan_ = std::move(plan);
    ring_.generation.store(plan_ == nullptr ? LogRing::kNoPlan : plan_->generation,
                           std::memory_order_release);
  }
  bool push(uint32_t sinks, const std::string& target = "/") {
    RequestRecord& r = builder_.begin();
    r.id = uint64_t{index_} << 48 | ++number_;
    r.status = 200;
    r.sinks = plan_->generation << LogPlan::kSinkBits | sinks;
    builder_.addText(abi::record_text::kTarget, target);
    if (!ring_.records.push(builder_.end())) return false;
    log_.pushed(ring_);
    return true;
  }
  uint64_t pushed() const { return number_; }

 private:
  AccessLog& log_;
  LogRing& ring_;
  const uint32_t index_;
  std::shared_ptr<const LogPlan> plan_;
  RecordBuilder builder_;
  uint64_t number_ = 0;
};

// Waits for the writer's thread by its own signal.
template <typename Holds>
bool untilTold(AccessLog& log, Holds&& holds) {
  pollfd told{log.noticeFd(), POLLIN, 0};
  while (!holds()) {
    if (::poll(&told, 1, 10'000) != 1) return false;
    uint64_t times = 0;
    static_cast<void>(!::read(told.fd, &times, sizeof times));
  }
  return true;
}

void end(AccessLog& log, uint64_t limit_ms = 10'000) {
  log.stop(limit_ms);
  EXPECT(untilTold(log, [&] { return log.isStopped(); }));
}

CASE("each sink gets what is meant for it, and the end loses nothing") {
  const WorkDirectory dir;
  AccessLog log;
  log.noticeFd();
  Worker one(log, 0);
  Worker two(log, 1);
  const auto plan = log.adopt(*imageOf({{dir.file("a")}, {dir.file("b")}}));
  one.take(plan);
  two.take(plan);
  for (int i = 0; i < 3000; ++i) {
    EXPECT(one.push(1, "/one"));
    EXPECT(two.push(i % 2 == 0 ? 3 : 2, "/two"));
  }
  end(log);
  EXPECT_EQ(linesIn(contentOf(dir.file("a"))), size_t{4500});
  EXPECT_EQ(linesIn(contentOf(dir.file("b"))), size_t{3000});
  EXPECT(contentOf(dir.file("b")).starts_with("0001000000000001 /two 200 -\n"));
  EXPECT_EQ(log.waitingBytes(), uint64_t{0});
}

CASE("the same sinks are the same plan; others are another, and old records find their own") {
  const WorkDirectory dir;
  AccessLog log;
  Worker worker(log, 3);
  const auto first = log.adopt(*imageOf({{dir.file("a")}, {dir.file("b")}}));
  EXPECT(log.adopt(*imageOf({{dir.file("a")}, {dir.file("b")}})) == first);
  worker.take(first);
  EXPECT(worker.push(1, "/before"));
  const auto second = log.adopt(*imageOf({{dir.file("b")}, {dir.file("c")}}));
  EXPECT(second != first && second->generation != first->generation);
  EXPECT(worker.push(1, "/late"));  // the worker has not heard of it
  worker.take(second);
  EXPECT(worker.push(3, "/after"));
  EXPECT(log.adopt(*imageOf({})) == nullptr);
  EXPECT(worker.push(2, "/last"));
  worker.take(nullptr);
  end(log);
  const auto targets = [&](const char* name) {
    std::string out;
    std::istringstream in(contentOf(dir.file(name)));
    for (std::string id, target, rest; in >> id >> target && std::getline(in, rest);) out += target;
    return out;
  };
  EXPECT_EQ(targets("a"), std::string("/before/late"));
  EXPECT_EQ(targets("b"), std::string("/after"));
  EXPECT_EQ(targets("c"), std::string("/after/last"));
}

CASE("a sink that left is closed once no worker goes by it, and opened again for who is late") {
  const WorkDirectory dir;
  AccessLog log;
  log.noticeFd();
  Worker worker(log, 0);
  auto first = log.adopt(*imageOf({{dir.file("a")}}));
  worker.take(first);
  worker.push(1);
  log.adopt(*imageOf({{dir.file("b")}}));
  const auto names = [&] {
    std::string out;
    for (const AccessLog::SinkStats& sink : log.readStats()) out += sink.name.back();
    return out;
  };
  const auto reopened = [&] {  // a visit of the writer, at least
    const uint64_t ticket = log.reopen();
    return untilTold(log, [&] { return log.isReopened(ticket); });
  };
  EXPECT(reopened() && reopened());
  EXPECT_EQ(names(), std::string("ab"));
  worker.push(1);
  worker.take(log.adopt(*imageOf({{dir.file("b")}})));
  first.reset();
  for (int i = 0; i < 100 && names() != "b"; ++i) EXPECT(reopened());
  EXPECT_EQ(names(), std::string("b"));
  EXPECT_EQ(linesIn(contentOf(dir.file("a"))), size_t{2});
  end(log);
}

CASE("renamed files lose no line, whatever is pushed meanwhile") {
  const WorkDirectory dir;
  AccessLog log;
  log.noticeFd();
  Worker worker(log, 0);
  worker.take(log.adopt(*imageOf({{dir.file("a")}})));
  std::vector<std::string> files = {dir.file("a")};
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 500; ++i) EXPECT(worker.push(1));
    files.push_back(dir.file("a." + std::to_string(round)));
    if (std::filesystem::exists(files[0])) std::filesystem::rename(files[0], files.back());
    const uint64_t ticket = log.reopen();
    for (int i = 0; i < 50; ++i) EXPECT(worker.push(1));
    EXPECT(untilTold(log, [&] { return log.isReopened(ticket); }));
    EXPECT(log.reopenFailures().empty());
    EXPECT(std::filesystem::exists(files[0]));
  }
  end(log);
  size_t lines = 0;
  for (const std::string& file : files) lines += linesIn(contentOf(file));
  EXPECT_EQ(lines, worker.pushed());
}

CASE("a sink that fails tells it once, the others go on; at the end it is given up") {
  const WorkDirectory dir;
  AccessLog log;
  log.noticeFd();
  Worker worker(log, 0);
  worker.take(log.adopt(*imageOf({{"/dev/full"}, {dir.file("good")}})));
  for (int i = 0; i < 100; ++i) EXPECT(worker.push(3));
  std::vector<LogNotice> notices;
  EXPECT(untilTold(log, [&] {
    for (LogNotice& notice : log.takeNotices()) notices.push_back(std::move(notice));
    return !notices.empty();
  }));
  end(log, 0);
  for (LogNotice& notice : log.takeNotices()) notices.push_back(std::move(notice));
  EXPECT_EQ(notices.size(), size_t{2});
  if (notices.size() != 2) return;
  EXPECT(notices[0].kind == abi::log_notice::kFailed && notices[0].sink == "/dev/full");
  EXPECT_EQ(notices[0].error, ENOSPC);
  EXPECT(notices[1].kind == abi::log_notice::kAbandoned);
  EXPECT_EQ(notices[1].lines, uint64_t{100});
  EXPECT_EQ(linesIn(contentOf(dir.file("good"))), size_t{100});
}

CASE("it may begin again after its end") {
  const WorkDirectory dir;
  AccessLog log;
  log.noticeFd();
  for (int round = 1; round <= 3; ++round) {
    Worker worker(log, 0);
    worker.take(log.adopt(*imageOf({{dir.file("a")}})));
    EXPECT(worker.push(1));
    end(log);
    EXPECT_EQ(linesIn(contentOf(dir.file("a"))), static_cast<size_t>(round));
  }
}

CASE("without sinks there is no thread, and nothing to reopen or to end") {
  AccessLog log;
  EXPECT(log.adopt(*imageOf({})) == nullptr);
  EXPECT(log.isStopped());
  EXPECT(log.isReopened(log.reopen()));
  log.stop(0);
  EXPECT(log.isStopped());
}

}  // namespace
}  // namespace millrace::test
