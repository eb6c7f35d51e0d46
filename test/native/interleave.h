#ifndef MILLRACE_TEST_NATIVE_INTERLEAVE_H_
#define MILLRACE_TEST_NATIVE_INTERLEAVE_H_

#include <ucontext.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

// Runs real lock-free code under every order of its steps, up to a number of preemptions: each
// operation of an InterleavedAtomic is a step before which another thread may come in. Threads are
// coroutines of one real thread, so that a run is exact and can be repeated; orders are enumerated
// by depth-first search over the choices. What it does not show: reorderings that a weaker memory
// model allows (every order here is sequentially consistent); that is what the ThreadSanitizer
// runs and the comments on memory orders are for.
//
// Most bugs of such code need one or two preemptions (Musuvathi, Qadeer: Iterative context
// bounding).
namespace millrace::test {

class Interleaver {
 public:
  using Body = std::function<void()>;

  // Calls `begin` to reset the state, runs the bodies, and calls `end`, once for each order.
  // Returns the number of orders.
  static uint64_t explore(int max_preemptions, const std::vector<Body>& bodies, const Body& begin,
                          const Body& each_step, const Body& end) {
    Interleaver it(max_preemptions, bodies, each_step);
    instance() = &it;
    uint64_t orders = 0;
    do {
      begin();
      it.runOnce();
      end();
      ++orders;
    } while (it.advance());
    instance() = nullptr;
    return orders;
  }

  // Runs `body` up to its `steps`-th step and never goes on with it; true when it had an end
  // before.
  static bool runSteps(int steps, const Body& body) {
    const std::vector<Body> bodies{body};
    const Body nothing = [] {};
    Interleaver it(0, bodies, nothing);
    it.steps_left_ = steps;
    instance() = &it;
    it.runOnce();
    instance() = nullptr;
    return it.threads_[0].done;
  }

  // After an operation that changed shared memory.
  static void wrote() {
    if (instance() != nullptr) instance()->written_ = true;
  }

  // Before each operation on shared memory.
  static void step() {
    Interleaver* it = instance();
    if (it != nullptr && it->running_ >= 0) it->mayPreempt();
  }

 private:
  struct Thread {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    bool done = false;
  };
  struct Choice {
    uint32_t taken;
    uint32_t options;
  };
  static constexpr std::size_t kStackBytes = 256 << 10;

  static Interleaver*& instance() {
    static Interleaver* it = nullptr;
    return it;
  }

  Interleaver(int max_preemptions, const std::vector<Body>& bodies, const Body& each_step)
      : max_preemptions_(max_preemptions), bodies_(bodies), each_step_(each_step) {
    threads_.resize(bodies.size());
    for (Thread& thread : threads_) thread.stack = std::make_unique<char[]>(kStackBytes);
  }

  static void entry(int index) {
    Interleaver& it = *instance();
    it.bodies_[static_cast<std::size_t>(index)]();
    it.threads_[static_cast<std::size_t>(index)].done = true;
    swapcontext(&it.threads_[static_cast<std::size_t>(index)].context, &it.scheduler_);
  }

  // Apart from the loop over the threads: getcontext may return twice, as far as the compiler
  // knows.
  void prepare(int index) {
    Thread& thread = threads_[static_cast<std::size_t>(index)];
    thread.done = false;
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack.get();
    thread.context.uc_stack.ss_size = kStackBytes;
    thread.context.uc_link = nullptr;
    makecontext(&thread.context, reinterpret_cast<void (*)()>(&entry), 1, index);
  }

  void runOnce() {
    depth_ = 0;
    preemptions_ = 0;
    for (std::size_t i = 0; i < threads_.size(); ++i) prepare(static_cast<int>(i));
    next_ = -1;
    for (;;) {
      if (next_ < 0) {  // one has ended, or none has begun: any of the others
        std::vector<int> ready;
        for (std::size_t i = 0; i < threads_.size(); ++i)
          if (!threads_[i].done) ready.push_back(static_cast<int>(i));
        if (ready.empty()) break;
        next_ = ready[choose(static_cast<uint32_t>(ready.size()))];
      }
      running_ = next_;
      next_ = -1;
      if (steps_left_ == 0) break;
      swapcontext(&scheduler_, &threads_[static_cast<std::size_t>(running_)].context);
    }
    running_ = -1;
  }

  void mayPreempt() {
    const int self = running_;
    if (steps_left_ > 0 && --steps_left_ == 0) {
      next_ = self;
      swapcontext(&threads_[static_cast<std::size_t>(self)].context, &scheduler_);
    }
    if (written_) {
      written_ = false;
      each_step_();
    }
    if (preemptions_ == max_preemptions_) return;
    std::vector<int>& others = others_;
    others.clear();
    for (std::size_t i = 0; i < threads_.size(); ++i)
      if (static_cast<int>(i) != self && !threads_[i].done) others.push_back(static_cast<int>(i));
    if (others.empty()) return;
    const uint32_t choice = choose(static_cast<uint32_t>(others.size()) + 1);
    if (choice == 0) return;
    ++preemptions_;
    next_ = others[choice - 1];
    swapcontext(&threads_[static_cast<std::size_t>(self)].context, &scheduler_);
  }

  uint32_t choose(uint32_t options) {
    if (depth_ == choices_.size()) choices_.push_back({0, options});
    return choices_[depth_++].taken;
  }

  // To the next order; false when that was the last one.
  bool advance() {
    choices_.resize(depth_);
    while (!choices_.empty() && choices_.back().taken + 1 == choices_.back().options)
      choices_.pop_back();
    if (choices_.empty()) return false;
    ++choices_.back().taken;
    return true;
  }

  const int max_preemptions_;
  const std::vector<Body>& bodies_;
  const Body& each_step_;
  std::vector<Thread> threads_;
  ucontext_t scheduler_;
  std::vector<Choice> choices_;
  std::vector<int> others_;
  std::size_t depth_ = 0;
  int preemptions_ = 0;
  int running_ = -1;
  int next_ = -1;
  bool written_ = false;
  int steps_left_ = -1;  // runSteps; -1 = as many as there are
};

// Takes the place of std::atomic in code under test.
template <typename T>
class InterleavedAtomic {
 public:
  InterleavedAtomic(T value = {}) : value_(value) {}
  T load(std::memory_order = std::memory_order_seq_cst) const {
    Interleaver::step();
    return value_;
  }
  void store(T value, std::memory_order = std::memory_order_seq_cst) {
    Interleaver::step();
    value_ = value;
    Interleaver::wrote();
  }
  bool compare_exchange_strong(T& expected, T desired,
                               std::memory_order = std::memory_order_seq_cst) {
    Interleaver::step();
    if (value_ == expected) {
      value_ = desired;
      Interleaver::wrote();
      return true;
    }
    expected = value_;
    return false;
  }
  T fetch_add(T delta, std::memory_order = std::memory_order_seq_cst) {
    Interleaver::step();
    const T before = value_;
    value_ += delta;
    Interleaver::wrote();
    return before;
  }
  T peekForTest() const { return value_; }

 private:
  T value_;
};

}  // namespace millrace::test

#endif  // MILLRACE_TEST_NATIVE_INTERLEAVE_H_
