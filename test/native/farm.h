#ifndef MILLRACE_TEST_NATIVE_FARM_H_
#define MILLRACE_TEST_NATIVE_FARM_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "harness.h"
#include "reactor_rig.h"

namespace millrace::test {

// As many origins as a cluster has endpoints, each answering at once.
struct Farm {
  explicit Farm(std::size_t count) : origins(count) {
    for (Origin& origin : origins) all.push_back(&origin);
  }

  std::vector<uint16_t> ports(std::size_t count) const {
    std::vector<uint16_t> ports;
    for (std::size_t i = 0; i < count; ++i) ports.push_back(origins[i].port());
    return ports;
  }

  // One request after the other; how many each origin got.
  std::vector<int> share(Rig& rig, int requests) {
    std::vector<int> counts(origins.size());
    for (int i = 0; i < requests; ++i) {
      const int32_t handle = rig.get();
      const bool answered = rig.until([&] {
        for (std::size_t o = 0; o < origins.size(); ++o) {
          for (std::size_t c = 0; c < origins[o].count(); ++c) {
            if (!origins[o].asked(c)) continue;
            origins[o].take(c);
            origins[o].send(c, okAnswer("x"));
            ++counts[o];
          }
        }
        return rig.answer(handle).done;
      });
      EXPECT(answered, std::to_string(i));
    }
    return counts;
  }

  std::vector<Origin> origins;
  std::vector<Origin*> all;
};

inline RigSpec balanced(
    const Farm& farm, std::size_t count, uint32_t policy,
    std::function<void(ImageBuilder&)> more = [](ImageBuilder&) {}) {
  return {farm.ports(count), {{abi::path_kind::kPrefix, "/", 0, {}}}, [=](ImageBuilder& b) {
            b.balancers[0].policy = policy;
            more(b);
          }};
}

}  // namespace millrace::test

#endif  // MILLRACE_TEST_NATIVE_FARM_H_
