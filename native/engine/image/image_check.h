#ifndef MILLRACE_ENGINE_IMAGE_IMAGE_CHECK_H_
#define MILLRACE_ENGINE_IMAGE_IMAGE_CHECK_H_

#include <cstdint>
#include <string_view>

#include "engine/image/image.h"

namespace millrace {

// The checks of one image load, section by section; the first fault ends it. The section bounds are
// known to be good (Image::readHeader). Linear in the size of the image: ranges that the checks
// walk are claimed, and a section's claims may not add up to more than its rows.
class ImageCheck {
 public:
  ImageCheck(const Image& image, ImageError* error) noexcept : image_(image), error_(error) {}

  // Order matters where one check relies on another: see the definition.
  bool run() noexcept;

 private:
  // check_routing.cc
  bool listener(const abi::ListenerRecord& r) noexcept;
  bool routeTable(const abi::RouteTableRecord& r) noexcept;
  bool hostTable(const abi::RouteTableRecord& table, bool wildcards) noexcept;
  bool vhost(const abi::VhostRecord& r) noexcept;
  bool pathTable(const abi::VhostRecord& r) noexcept;
  bool candidates(const abi::VhostRecord& vhost, uint32_t start, uint32_t count, uint32_t kind,
                  std::string_view key) noexcept;
  bool dfa(const abi::DfaRecord& r) noexcept;
  bool predicate(const abi::PredicateRecord& r) noexcept;

  // check_action.cc
  bool route(const abi::RouteRecord& r) noexcept;
  bool routeAction(const abi::RouteRecord& r) noexcept;
  bool edit(const abi::EditRecord& r) noexcept;
  bool weight(const abi::WeightRecord& r) noexcept;
  bool redirect(const abi::RedirectRecord& r) noexcept;
  bool respond(const abi::RespondRecord& r) noexcept;

  // check_upstream.cc
  bool cluster(const abi::ClusterRecord& r) noexcept;
  bool endpoint(const abi::EndpointRecord& r) noexcept;
  bool tls(const abi::TlsRecord& r) noexcept;
  bool cidr(const abi::CidrRecord& r) noexcept;

  // check_failover.cc
  bool retry(const abi::RetryRecord& r) noexcept;
  bool hedge(const abi::HedgeRecord& r) noexcept;
  bool outlier(const abi::OutlierRecord& r) noexcept;
  bool breaker(const abi::BreakerRecord& r) noexcept;
  bool fault(const abi::FaultRecord& r) noexcept;
  bool tracing(const abi::TracingRecord& r) noexcept;
  bool failoverOf(const abi::ClusterRecord& r) noexcept;
  bool failoverOf(const abi::RouteRecord& r) noexcept;

  // check_log.cc
  bool log(const abi::LogRecord& r) noexcept;
  bool logStep(const abi::LogStepRecord& r) noexcept;
  bool textPairs(uint32_t start, uint32_t count) const noexcept;

  // check_balancer.cc
  bool balancer(const abi::BalancerRecord& r) noexcept;
  bool hashSource(const abi::HashSourceRecord& r) noexcept;
  bool subset(const abi::SubsetRecord& r) noexcept;
  bool isSubsetOf(uint32_t subset, uint32_t cluster) const noexcept;

  // check_rate.cc
  bool rateLimit(const abi::RateLimitRecord& r) noexcept;
  bool rateKey(const abi::RateKeyRecord& r) noexcept;
  // The INDEX rows of the limits that one request is checked against. Routes of a virtual host
  // share them, so they are not claimed; their number bounds the walk.
  bool limitRows(uint32_t start, uint32_t count) noexcept;

  template <typename Record>
  bool each(uint32_t section, std::span<const Record> rows,
            bool (ImageCheck::*check)(const Record&)) noexcept;

  // Notes the reason for the current section and row; always false, to be returned.
  bool fail(const char* message) noexcept {
    if (error_ != nullptr) *error_ = {message, section_, row_};
    return false;
  }

  uint32_t count(uint32_t section) const noexcept { return image_.sections_[section].count; }

  bool isRange(uint32_t section, uint32_t start, uint32_t length) const noexcept {
    return start <= count(section) && length <= count(section) - start;
  }
  bool isText(uint32_t offset, uint32_t length) const noexcept {
    return offset != abi::kNone && isRange(abi::section::kBytes, offset, length);
  }
  // "Not set" is (kNone, 0).
  bool isOptionalText(uint32_t offset, uint32_t length) const noexcept {
    return offset == abi::kNone ? length == 0 : isText(offset, length);
  }
  // A range that belongs to one owner and is walked by the checks.
  bool claim(uint32_t section, uint32_t start, uint32_t length) noexcept {
    if (!isRange(section, start, length)) return false;
    claimed_[section] += length;
    return claimed_[section] <= count(section);
  }
  // The text of a rewrite: a path that may stand in a request line.
  bool isRewrite(uint32_t kind, uint32_t offset, uint32_t length) const noexcept;

  const Image& image_;
  ImageError* error_;
  uint32_t section_ = abi::kNone;
  uint32_t row_ = abi::kNone;
  uint64_t claimed_[abi::section::kCount] = {};
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_IMAGE_IMAGE_CHECK_H_
