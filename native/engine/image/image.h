#ifndef MILLRACE_ENGINE_IMAGE_IMAGE_H_
#define MILLRACE_ENGINE_IMAGE_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string_view>

#include "abi.h"
#include "base/cache_line.h"

namespace millrace {

// Why an image was refused. `section` and `row` are kNone where the fault is in the header.
struct ImageError {
  const char* message = nullptr;
  uint32_t section = abi::kNone;
  uint32_t row = abi::kNone;
};

// A compiled configuration: an owned, immutable, aligned copy of the bytes that `compile()` made
// (layout in src/binding/abi.ts). Everything is checked once in `load`, so that every reader may
// use any index, range and string of it without a further check. Any thread may read.
class Image {
 public:
  // Null and `*error` filled when the bytes are not a valid image; safe for any bytes.
  static std::unique_ptr<const Image> load(std::span<const std::byte> bytes,
                                           ImageError* error) noexcept;

  std::span<const abi::ListenerRecord> listeners() const noexcept {
    return rows<abi::ListenerRecord>(abi::section::kListener);
  }
  std::span<const abi::RouteTableRecord> routeTables() const noexcept {
    return rows<abi::RouteTableRecord>(abi::section::kRouteTable);
  }
  std::span<const abi::HostRecord> hosts() const noexcept {
    return rows<abi::HostRecord>(abi::section::kHost);
  }
  std::span<const abi::VhostRecord> vhosts() const noexcept {
    return rows<abi::VhostRecord>(abi::section::kVhost);
  }
  std::span<const abi::PathRecord> paths() const noexcept {
    return rows<abi::PathRecord>(abi::section::kPath);
  }
  std::span<const abi::RegexRecord> regexes() const noexcept {
    return rows<abi::RegexRecord>(abi::section::kRegex);
  }
  std::span<const abi::DfaRecord> dfas() const noexcept {
    return rows<abi::DfaRecord>(abi::section::kDfa);
  }
  std::span<const abi::RouteRecord> routes() const noexcept {
    return rows<abi::RouteRecord>(abi::section::kRoute);
  }
  std::span<const abi::PredicateRecord> predicates() const noexcept {
    return rows<abi::PredicateRecord>(abi::section::kPredicate);
  }
  std::span<const abi::EditRecord> edits() const noexcept {
    return rows<abi::EditRecord>(abi::section::kEdit);
  }
  std::span<const abi::WeightRecord> weights() const noexcept {
    return rows<abi::WeightRecord>(abi::section::kWeight);
  }
  std::span<const abi::RedirectRecord> redirects() const noexcept {
    return rows<abi::RedirectRecord>(abi::section::kRedirect);
  }
  std::span<const abi::RespondRecord> responds() const noexcept {
    return rows<abi::RespondRecord>(abi::section::kRespond);
  }
  std::span<const abi::ClusterRecord> clusters() const noexcept {
    return rows<abi::ClusterRecord>(abi::section::kCluster);
  }
  std::span<const abi::EndpointRecord> endpoints() const noexcept {
    return rows<abi::EndpointRecord>(abi::section::kEndpoint);
  }
  std::span<const abi::TlsRecord> tls() const noexcept {
    return rows<abi::TlsRecord>(abi::section::kTls);
  }
  std::span<const abi::CidrRecord> cidrs() const noexcept {
    return rows<abi::CidrRecord>(abi::section::kCidr);
  }
  std::span<const abi::BalancerRecord> balancers() const noexcept {
    return rows<abi::BalancerRecord>(abi::section::kBalancer);
  }
  std::span<const abi::HashSourceRecord> hashSources() const noexcept {
    return rows<abi::HashSourceRecord>(abi::section::kHashSource);
  }
  std::span<const abi::SubsetRecord> subsets() const noexcept {
    return rows<abi::SubsetRecord>(abi::section::kSubset);
  }
  std::span<const abi::RateLimitRecord> rateLimits() const noexcept {
    return rows<abi::RateLimitRecord>(abi::section::kRateLimit);
  }
  std::span<const abi::RateKeyRecord> rateKeys() const noexcept {
    return rows<abi::RateKeyRecord>(abi::section::kRateKey);
  }
  std::span<const abi::RetryRecord> retries() const noexcept {
    return rows<abi::RetryRecord>(abi::section::kRetry);
  }
  std::span<const abi::HedgeRecord> hedges() const noexcept {
    return rows<abi::HedgeRecord>(abi::section::kHedge);
  }
  std::span<const abi::OutlierRecord> outliers() const noexcept {
    return rows<abi::OutlierRecord>(abi::section::kOutlier);
  }
  std::span<const abi::BreakerRecord> breakers() const noexcept {
    return rows<abi::BreakerRecord>(abi::section::kBreaker);
  }
  std::span<const abi::FaultRecord> faults() const noexcept {
    return rows<abi::FaultRecord>(abi::section::kFault);
  }
  std::span<const abi::TracingRecord> tracings() const noexcept {
    return rows<abi::TracingRecord>(abi::section::kTracing);
  }
  std::span<const abi::LogRecord> logs() const noexcept {
    return rows<abi::LogRecord>(abi::section::kLog);
  }
  std::span<const abi::LogStepRecord> logSteps() const noexcept {
    return rows<abi::LogStepRecord>(abi::section::kLogStep);
  }
  std::span<const uint32_t> indexes() const noexcept {
    return rows<uint32_t>(abi::section::kIndex);
  }
  std::span<const uint16_t> u16s() const noexcept { return rows<uint16_t>(abi::section::kU16); }
  std::string_view bytes() const noexcept {
    const std::span<const char> all = rows<char>(abi::section::kBytes);
    return {all.data(), all.size()};
  }

  // The text of an (offset, length) pair; empty when the offset is kNone.
  std::string_view str(uint32_t offset, uint32_t length) const noexcept {
    return offset == abi::kNone ? std::string_view() : std::string_view(bytes_ + offset, length);
  }

  // ENDPOINT indexes that a subset holds.
  std::span<const uint32_t> members(const abi::SubsetRecord& subset) const noexcept {
    return indexes().subspan(subset.member_start, subset.member_count);
  }

  // What makes requests share a counter of a limit.
  std::span<const abi::RateKeyRecord> keys(const abi::RateLimitRecord& limit) const noexcept {
    return rateKeys().subspan(limit.key_start, limit.key_count);
  }

  // Rows of a listener whose peers may set X-Forwarded-*.
  std::span<const abi::CidrRecord> trust(const abi::ListenerRecord& listener) const noexcept {
    return cidrs().subspan(listener.trust_start, listener.trust_count);
  }

  uint64_t contentHash() const noexcept {
    const uint32_t* header = reinterpret_cast<const uint32_t*>(data_.get());
    return header[4] | static_cast<uint64_t>(header[5]) << 32;
  }

 private:
  struct Free {
    Free() noexcept : alignment(static_cast<std::align_val_t>(kCacheLine)) {}
    explicit Free(std::align_val_t value) noexcept : alignment(value) {}
    std::align_val_t alignment;
    void operator()(std::byte* p) const noexcept { ::operator delete(p, alignment); }
  };
  struct Section {
    uint32_t offset = 0;
    uint32_t count = 0;
  };

  friend class ImageCheck;

  Image() = default;

  // Checks magic, lengths and section bounds, and fills `sections_`.
  bool readHeader(uint32_t byte_length, ImageError* error) noexcept;

  // The bytes hold rows of u32, u16 or u8 only, at offsets that were checked to be aligned.
  template <typename T>
  std::span<const T> rows(uint32_t section) const noexcept {
    const Section& s = sections_[section];
    return {reinterpret_cast<const T*>(data_.get() + s.offset), s.count};
  }

  std::unique_ptr<std::byte, Free> data_;
  const char* bytes_ = nullptr;  // start of the BYTES section
  Section sections_[abi::section::kCount];
};

// Largest request body of a route in bytes; all ones = no limit.
inline uint64_t maxBodyOf(const abi::RouteRecord& route) noexcept {
  return route.max_body_low | static_cast<uint64_t>(route.max_body_high) << 32;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_IMAGE_IMAGE_H_
