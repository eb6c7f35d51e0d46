#ifndef MILLRACE_ENGINE_EXPLAIN_EXPLAINER_H_
#define MILLRACE_ENGINE_EXPLAIN_EXPLAINER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "engine/explain/explain.h"
#include "engine/explain/json_writer.h"
#include "engine/http/upstream_head.h"
#include "engine/net/buffer.h"
#include "engine/reactor/request_hash.h"

namespace millrace {

// One explanation on its way: goes through the steps of Reactor::submit in their order, and writes
// down each one. Unlike a request it goes on behind a refusal that says nothing of what follows
// (a rate limit), so that the rest is seen, too.
class Explainer {
 public:
  Explainer(const InstalledImage& installed, const ExplainRequest& asked,
            const ExplainContext& context);

  std::string run();

 private:
  // Which endpoint of a cluster: a hash and where it comes from.
  struct Hashed {
    RequestHash hash;
    bool made_up = false;  // a cookie that the next request would have: not the hash of this one
  };

  // explain_request.cc
  bool readRequest();  // false when it is refused for what it is
  uint32_t match();
  // explain_limits.cc
  void limits(std::string_view name, std::span<const uint32_t> rows, std::string_view route);
  // explain_route.cc
  void route(uint32_t index);
  void upgrade(const abi::RouteRecord& route);
  void upstreamHead(const abi::RouteRecord& route);
  void redirect(const abi::RouteRecord& route);
  void hedging(uint32_t index, const abi::RouteRecord& route);
  void targets(const abi::RouteRecord& route);
  // explain_cluster.cc: a cluster that may take the request; true when the next one of its chain is
  // asked instead
  void chain(uint32_t cluster, uint32_t subset);
  bool station(uint32_t cluster, uint32_t subset);
  bool breaker(std::string_view name, const Breaker* breaker);
  void caps(uint32_t cluster);
  Hashed hashing(const abi::BalancerRecord& balancer);
  // explain_pick.cc: what its balancer does
  bool candidates(uint32_t cluster, uint32_t subset, const Hashed& hashed);

  uint64_t nowMs() const noexcept { return context_.now_ns / 1'000'000; }
  const abi::ListenerRecord& listener() const noexcept {
    return image_.listeners()[asked_.listener];
  }

  const InstalledImage& installed_;
  const Image& image_;
  const ExplainRequest& asked_;
  const ExplainContext& context_;
  JsonWriter json_;
  Rng rng_;
  const RequestRules rules_;
  RequestHead request_;
  std::vector<char> path_buffer_;
  std::string_view path_;  // normalised
  Downstream downstream_;
  bool upgrades_ = false;  // a WebSocket handshake that is proxied
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_EXPLAIN_EXPLAINER_H_
