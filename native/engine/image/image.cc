#include "engine/image/image.h"

#include <sys/mman.h>

#include <cstring>

#include "engine/image/image_check.h"

namespace millrace {

namespace {

constexpr uint32_t kHeaderBytes = (abi::kImageHeaderWords + 2 * abi::section::kCount) * 4;

uint32_t elementBytes(uint32_t section) noexcept {
  constexpr uint32_t kSizes[] = {
      1,
      2,
      4,
      sizeof(abi::ListenerRecord),
      sizeof(abi::RouteTableRecord),
      sizeof(abi::HostRecord),
      sizeof(abi::VhostRecord),
      sizeof(abi::PathRecord),
      sizeof(abi::RegexRecord),
      sizeof(abi::DfaRecord),
      sizeof(abi::RouteRecord),
      sizeof(abi::PredicateRecord),
      sizeof(abi::EditRecord),
      sizeof(abi::WeightRecord),
      sizeof(abi::RedirectRecord),
      sizeof(abi::RespondRecord),
      sizeof(abi::ClusterRecord),
      sizeof(abi::EndpointRecord),
      sizeof(abi::TlsRecord),
      sizeof(abi::CidrRecord),
      sizeof(abi::BalancerRecord),
      sizeof(abi::HashSourceRecord),
      sizeof(abi::SubsetRecord),
      sizeof(abi::RateLimitRecord),
      sizeof(abi::RateKeyRecord),
      sizeof(abi::RetryRecord),
      sizeof(abi::HedgeRecord),
      sizeof(abi::OutlierRecord),
      sizeof(abi::BreakerRecord),
      sizeof(abi::FaultRecord),
      sizeof(abi::TracingRecord),
      sizeof(abi::LogRecord),
      sizeof(abi::LogStepRecord),
  };
  static_assert(sizeof(kSizes) / sizeof(kSizes[0]) == abi::section::kCount);
  static_assert(abi::section::kBytes == 0 && abi::section::kU16 == 1 && abi::section::kIndex == 2 &&
                abi::section::kListener == 3 && abi::section::kLogStep == abi::section::kCount - 1);
  return kSizes[section];
}

void report(ImageError* error, const char* message, uint32_t section = abi::kNone) noexcept {
  if (error != nullptr) *error = {message, section, abi::kNone};
}

}  // namespace

bool Image::readHeader(uint32_t byte_length, ImageError* error) noexcept {
  const uint32_t* words = reinterpret_cast<const uint32_t*>(data_.get());
  if (words[0] != abi::kImageMagic) return report(error, "not an image"), false;
  if (words[1] != abi::kImageVersion) return report(error, "image of another version"), false;
  if (words[2] != byte_length) return report(error, "length does not agree with the header"), false;
  if (words[3] != abi::section::kCount) return report(error, "wrong number of sections"), false;
  for (uint32_t s = 0; s < abi::section::kCount; ++s) {
    const uint32_t offset = words[abi::kImageHeaderWords + 2 * s];
    const uint32_t count = words[abi::kImageHeaderWords + 2 * s + 1];
    if (offset % 8 != 0) return report(error, "section is not aligned", s), false;
    if (offset < kHeaderBytes || offset > byte_length)
      return report(error, "section out of bounds", s), false;
    if (uint64_t{count} * elementBytes(s) > byte_length - offset) {
      return report(error, "section reaches past the end", s), false;
    }
    sections_[s] = {offset, count};
  }
  bytes_ = reinterpret_cast<const char*>(data_.get()) + sections_[abi::section::kBytes].offset;
  return true;
}

std::unique_ptr<const Image> Image::load(std::span<const std::byte> bytes,
                                         ImageError* error) noexcept {
  if (bytes.size() < kHeaderBytes) return report(error, "image is too short"), nullptr;
  if (bytes.size() >= abi::kNone) return report(error, "image is too long"), nullptr;
  std::unique_ptr<Image> image(new (std::nothrow) Image);
  if (image == nullptr) return report(error, "out of memory"), nullptr;
  // Tables of thousands of routes on huge pages where the kernel has some: a request looks into
  // them at a few places that have nothing to do with those of the request before.
  constexpr size_t kHugePage = size_t{2} << 20;
  const std::align_val_t alignment{bytes.size() >= kHugePage ? kHugePage : kCacheLine};
  auto* const data = static_cast<std::byte*>(::operator new(bytes.size(), alignment, std::nothrow));
  image->data_ = {data, Free{alignment}};
  if (data == nullptr) return report(error, "out of memory"), nullptr;
  if (bytes.size() >= kHugePage)
    ::madvise(data, bytes.size() / kHugePage * kHugePage, MADV_HUGEPAGE);  // advice: may fail
  std::memcpy(image->data_.get(), bytes.data(), bytes.size());
  if (!image->readHeader(static_cast<uint32_t>(bytes.size()), error)) return nullptr;
  if (!ImageCheck(*image, error).run()) return nullptr;
  return image;
}

}  // namespace millrace
