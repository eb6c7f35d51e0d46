#ifndef MILLRACE_ENGINE_BALANCER_HASH_MEMBER_H_
#define MILLRACE_ENGINE_BALANCER_HASH_MEMBER_H_

#include <cstdint>
#include <string_view>

namespace millrace {

// One member of a group, as the hash policies know it while they build their tables. Names that
// occur twice are no error: the two share a place, and the first of them is preferred.
struct HashMember {
  std::string_view name;
  uint32_t weight;  // 1 .. kStrideScale
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_HASH_MEMBER_H_
