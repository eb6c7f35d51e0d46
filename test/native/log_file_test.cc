#include "engine/log/log_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <filesystem>
#include <string>

#include "harness.h"
#include "log_rig.h"

// Where lines go: whole ones, whatever the disk or the reader of a pipe does.
namespace millrace::test {
namespace {

namespace stat = abi::log_stat;
using Change = LogFile::Change;

bool add(LogFile& file, const std::string& line) {
  LineBuffer* const out = file.beginLine();
  if (out == nullptr) return false;
  out->append(line);
  out->append('\n');
  file.endLine();
  return true;
}

Change changeOf(LogFile& file) {
  uint64_t lines = 0;
  return file.takeChange(&lines);
}

// What the next writes do: a number of bytes that are taken, or a negative errno; then all is well.
std::deque<int>& script() {
  static std::deque<int> steps;
  return steps;
}
const LogCalls kScripted = {LogCalls::system().open, [](int fd, const void* bytes, size_t count) {
                              if (script().empty()) return ::write(fd, bytes, count);
                              const int next = script().front();
                              script().pop_front();
                              if (next < 0) {
                                errno = -next;
                                return ssize_t{-1};
                              }
                              return ::write(fd, bytes,
                                             std::min<size_t>(count, static_cast<size_t>(next)));
                            }};

CASE("lines are appended, the file is made with mode 0640") {
  const WorkDirectory dir;
  const std::string path = dir.file("a.log");
  ::umask(022);
  {
    LogFile file(abi::log_target::kFile, path);
    EXPECT(add(file, "one") && add(file, "two"));
    file.flush(0);
    EXPECT_EQ(contentOf(path), std::string("one\ntwo\n"));
    EXPECT_EQ(file.stat(stat::kLines), uint64_t{2});
    EXPECT_EQ(file.stat(stat::kBytes), uint64_t{8});
    EXPECT_EQ(file.pendingBytes(), size_t{0});
  }
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
  LogFile again(abi::log_target::kFile, path);
  add(again, "three");
  again.flush(0);
  EXPECT_EQ(contentOf(path), std::string("one\ntwo\nthree\n"));
}

CASE("interrupted and short writes are gone on with") {
  const WorkDirectory dir;
  LogFile file(abi::log_target::kFile, dir.file("a.log"), kScripted);
  for (const char* line : {"first", "second", "third"}) add(file, line);
  script() = {3, -EINTR, 1, 5, -EINTR};
  file.flush(0);
  EXPECT_EQ(contentOf(dir.file("a.log")), std::string("first\nsecond\nthird\n"));
  EXPECT_EQ(file.stat(stat::kErrors), uint64_t{0});
}

CASE("a disk that is full takes no half of a line, and loses none") {
  const WorkDirectory dir;
  const std::string path = dir.file("a.log");
  LogFile file(abi::log_target::kFile, path, kScripted);
  for (const char* line : {"first", "second", "third"}) add(file, line);
  script() = {9, -ENOSPC};
  file.flush(1000);
  EXPECT_EQ(contentOf(path), std::string("first\n"));
  EXPECT(file.isFailing());
  EXPECT(changeOf(file) == Change::kFailed);
  EXPECT(changeOf(file) == Change::kNone, "reported once");
  EXPECT_EQ(file.stat(stat::kErrno), uint64_t{ENOSPC});
  add(file, "fourth");
  file.flush(1000 + LogFile::kRetryMs - 1);  // not tried yet
  EXPECT_EQ(contentOf(path), std::string("first\n"));
  script() = {2, -ENOSPC};  // still full
  file.flush(1000 + LogFile::kRetryMs);
  EXPECT_EQ(contentOf(path), std::string("first\n"));
  EXPECT(changeOf(file) == Change::kNone);
  file.flush(1000 + 2 * LogFile::kRetryMs);
  EXPECT_EQ(contentOf(path), std::string("first\nsecond\nthird\nfourth\n"));
  uint64_t lost = 1;
  EXPECT(file.takeChange(&lost) == Change::kRecovered);
  EXPECT_EQ(lost, uint64_t{0});
  EXPECT_EQ(file.stat(stat::kErrors), uint64_t{2});
  EXPECT_EQ(file.stat(stat::kErrno), uint64_t{0});
}

CASE("a line that somebody has written behind is completed, not cut") {
  const WorkDirectory dir;
  const std::string path = dir.file("a.log");
  static std::string other;
  other = path;
  LogFile file(abi::log_target::kFile, path,
               {LogCalls::system().open, [](int fd, const void* bytes, size_t count) {
                  if (script().empty()) return ::write(fd, bytes, count);
                  const int next = script().front();
                  script().pop_front();
                  if (next >= 0) return ::write(fd, bytes, static_cast<size_t>(next));
                  std::ofstream(other, std::ios::app) << "X";
                  errno = -next;
                  return ssize_t{-1};
                }});
  add(file, "first");
  script() = {2, -ENOSPC};
  file.flush(0);
  file.flush(LogFile::kRetryMs);
  EXPECT_EQ(contentOf(path), std::string("fiXrst\n"));
}

CASE("what waits is bounded, and what is lost is counted") {
  const WorkDirectory dir;
  LogFile file(abi::log_target::kFile, dir.file("none/a.log"));
  const std::string line(999, 'x');
  uint64_t taken = 0;
  for (uint64_t i = 0; i < 5000; ++i) {
    taken += add(file, line);
    if (file.isFull()) file.flush(0);
  }
  EXPECT_EQ(taken, LogFile::kMostPending / 1000 + 1);
  EXPECT_EQ(file.stat(stat::kDropped), 5000 - taken);
  EXPECT_EQ(file.stat(stat::kErrno), uint64_t{ENOENT});
  EXPECT(changeOf(file) == Change::kFailed);
  std::filesystem::create_directory(dir.file("none"));
  file.flush(LogFile::kRetryMs);
  EXPECT_EQ(linesIn(contentOf(dir.file("none/a.log"))), taken);
  uint64_t lost = 0;
  EXPECT(file.takeChange(&lost) == Change::kRecovered);
  EXPECT_EQ(lost, 5000 - taken);
  EXPECT_EQ(file.stat(stat::kLines), taken);
}

CASE(
    "a renamed file gets what came before, the new one what comes after; a removed one is made "
    "again") {
  const WorkDirectory dir;
  const std::string path = dir.file("a.log");
  LogFile file(abi::log_target::kFile, path);
  add(file, "one");
  file.flush(0);
  std::filesystem::rename(path, path + ".1");
  add(file, "two");
  EXPECT_EQ(file.reopen(0), 0);
  add(file, "three");
  file.flush(0);
  EXPECT_EQ(contentOf(path + ".1"), std::string("one\ntwo\n"));
  EXPECT_EQ(contentOf(path), std::string("three\n"));
  std::filesystem::remove(path);
  EXPECT_EQ(file.reopen(0), 0);
  EXPECT(std::filesystem::exists(path));
}

CASE("a file that cannot be opened again leaves the old one in use") {
  const WorkDirectory dir;
  std::filesystem::create_directory(dir.file("d"));
  const std::string path = dir.file("d/a.log");
  LogFile file(abi::log_target::kFile, path);
  add(file, "one");
  file.flush(0);
  std::filesystem::rename(dir.file("d"), dir.file("e"));
  EXPECT_EQ(file.reopen(0), ENOENT);
  add(file, "two");
  file.flush(0, true);
  EXPECT_EQ(contentOf(dir.file("e/a.log")), std::string("one\ntwo\n"));
}

CASE("a line that was begun on a full disk comes whole in the file that takes its place") {
  const WorkDirectory dir;
  const std::string path = dir.file("a.log");
  LogFile file(abi::log_target::kFile, path, kScripted);
  add(file, "first");
  add(file, "second");
  script() = {8, -EIO};
  file.flush(0);
  script() = {-EIO};
  std::filesystem::rename(path, path + ".1");
  EXPECT_EQ(file.reopen(0), 0);
  EXPECT_EQ(contentOf(path + ".1"), std::string("first\n"));
  EXPECT_EQ(contentOf(path), std::string("second\n"));
}

CASE("a pipe that nobody reads blocks nobody, and gets every line whole") {
  const WorkDirectory dir;
  const std::string path = dir.file("pipe");
  EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
  LogFile file(abi::log_target::kFile, path);
  add(file, "early");
  file.flush(0);
  EXPECT_EQ(file.stat(stat::kErrno), uint64_t{ENXIO});
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  std::string sent = "early\n";
  for (int i = 0; i < 3000; ++i) {
    const std::string line = std::to_string(i) + std::string(static_cast<size_t>(i % 97), 'x') +
                             (i == 1500 ? std::string(20'000, 'y') : "");
    add(file, line);
    sent += line + "\n";
  }
  std::string got;
  char room[1000];
  file.flush(LogFile::kRetryMs);
  EXPECT(file.blockedFd() >= 0);
  while (file.pendingBytes() != 0) {
    const ssize_t n = ::read(reader, room, sizeof room);
    if (n > 0) got.append(room, static_cast<size_t>(n));
    file.flush(LogFile::kRetryMs);
  }
  for (ssize_t n; (n = ::read(reader, room, sizeof room)) > 0;)
    got.append(room, static_cast<size_t>(n));
  EXPECT(got == sent);
  ::signal(SIGPIPE, SIG_IGN);  // the writer's thread has it blocked
  ::close(reader);
  add(file, "late");
  file.flush(LogFile::kRetryMs);
  EXPECT_EQ(file.stat(stat::kErrno), uint64_t{EPIPE});
  EXPECT_EQ(file.pendingBytes(), size_t{5});
  EXPECT_EQ(file.abandon(), uint64_t{1});
}

// Standard output of the process while it lives.
class Stdout {
 public:
  explicit Stdout(int fd) : saved_(::dup(STDOUT_FILENO)) {
    std::cout.flush();
    ::dup2(fd, STDOUT_FILENO);
  }
  ~Stdout() {
    ::dup2(saved_, STDOUT_FILENO);
    ::close(saved_);
  }

 private:
  const int saved_;
};

CASE("standard output keeps its own flags, and a full pipe there blocks nobody") {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const bool own[] = {true, false};
  for (const bool can_open : own) {
    LogFile file(abi::log_target::kStdout, "stdout",
                 {can_open ? LogCalls::system().open
                           : [](const char*, int, mode_t) {
                               errno = EACCES;  // the pipe belongs to another user
                               return -1;
                             },
                  LogCalls::system().write});
    size_t lines = 0;
    {
      const Stdout piped(ends[1]);
      for (; lines < 200'000 / 50; ++lines) add(file, std::string(49, 'o'));
      file.flush(0);
    }
    EXPECT(file.blockedFd() >= 0);
    EXPECT_EQ(::fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    size_t got = 0;
    char room[5000];
    while (got < lines) {
      const ssize_t n = ::read(ends[0], room, sizeof room);
      got += static_cast<size_t>(std::count(room, room + n, '\n'));
      file.flush(0);
    }
    EXPECT_EQ(got, lines);
    EXPECT_EQ(file.pendingBytes(), size_t{0});
  }
  ::close(ends[0]);
  ::close(ends[1]);
}

CASE("a device that is always full is an error like others") {
  LogFile file(abi::log_target::kFile, "/dev/full");
  add(file, "one");
  file.flush(0);
  EXPECT_EQ(file.stat(stat::kErrno), uint64_t{ENOSPC});
  EXPECT(changeOf(file) == Change::kFailed);
  EXPECT_EQ(file.stat(stat::kLines), uint64_t{0});
}

CASE("a file that may not grow, and a file system that is really full") {
  const WorkDirectory dir;
  std::vector<std::string> directories;
  std::filesystem::create_directory(dir.file("disk"));
  // Only root may mount; without, the limit of the process stands for the disk.
  const bool mounted = ::mount("none", dir.file("disk").c_str(), "tmpfs", 0, "size=64k") == 0;
  const std::string path = dir.file("disk/a.log");
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{65'536, before.rlim_max};
  if (!mounted) ::setrlimit(RLIMIT_FSIZE, &small);
  LogFile file(abi::log_target::kFile, path);
  size_t lines = 0;
  for (; lines < 2000; ++lines) add(file, std::to_string(lines) + " " + std::string(90, 'z'));
  file.flush(0);
  EXPECT(file.isFailing());
  const std::string kept = contentOf(path);
  EXPECT(kept.size() > 60'000 && kept.ends_with("z\n"), std::to_string(kept.size()));
  EXPECT_EQ(linesIn(kept), file.stat(stat::kLines));
  if (mounted)
    ::mount("none", dir.file("disk").c_str(), "tmpfs", MS_REMOUNT, "size=1m");
  else
    ::setrlimit(RLIMIT_FSIZE, &before);
  file.flush(LogFile::kRetryMs);
  const std::string all = contentOf(path);
  EXPECT_EQ(linesIn(all), lines);
  EXPECT_EQ(file.stat(stat::kLines), lines);
  std::istringstream in(all);
  std::string line;
  for (size_t i = 0; i < lines && std::getline(in, line); ++i)
    EXPECT_EQ(line, std::to_string(i) + " " + std::string(90, 'z'));
  file.close();
  if (mounted) ::umount2(dir.file("disk").c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace millrace::test
