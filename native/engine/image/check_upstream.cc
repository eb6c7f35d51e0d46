// Image checks of clusters, endpoints, TLS and addresses.

#include "engine/image/image_check.h"
#include "engine/image/text_rules.h"

namespace millrace {

namespace {

constexpr uint32_t kMaxSocketPath = 107;  // sun_path less its terminator

}  // namespace

bool ImageCheck::cluster(const abi::ClusterRecord& r) noexcept {
  if (!isText(r.name_offset, r.name_length)) return fail("cluster name out of bounds");
  if (!isRange(abi::section::kEndpoint, r.endpoint_start, r.endpoint_count))
    return fail("endpoints out of bounds");
  if (r.endpoint_count > abi::limits::kMaxEndpoints) return fail("too many endpoints");
  // Endpoints are numbered through all clusters, so that the cluster of one is found by halving.
  if (row_ > 0) {
    const abi::ClusterRecord& before = image_.clusters()[row_ - 1];
    if (r.endpoint_start < before.endpoint_start + before.endpoint_count)
      return fail("endpoints of two clusters overlap");
  }
  if (r.tls != abi::kNone && r.tls >= count(abi::section::kTls))
    return fail("unknown TLS settings");
  if (r.balancer >= count(abi::section::kBalancer)) return fail("unknown balancer");
  if (r.subset_count == 0 || !claim(abi::section::kSubset, r.subset_start, r.subset_count))
    return fail("subsets out of bounds");
  for (const abi::SubsetRecord& s : image_.subsets().subspan(r.subset_start, r.subset_count)) {
    if (s.cluster != row_) return fail("subset of another cluster");
  }
  uint32_t weighted = 0;
  for (const abi::EndpointRecord& e :
       image_.endpoints().subspan(r.endpoint_start, r.endpoint_count))
    weighted += e.weight != 0 && e.drain == 0;
  // Members are in order and of this cluster, so the number says that all are there.
  if (image_.subsets()[r.subset_start].member_count != weighted)
    return fail("first subset without some of the endpoints");
  return failoverOf(r);
}

bool ImageCheck::endpoint(const abi::EndpointRecord& r) noexcept {
  if (!isText(r.name_offset, r.name_length)) return fail("endpoint name out of bounds");
  if (!isText(r.address_offset, r.address_length)) return fail("address out of bounds");
  switch (r.family) {
    case abi::family::kIpv4:
      if (r.address_length != 4) return fail("IPv4 address does not have 4 bytes");
      break;
    case abi::family::kIpv6:
      if (r.address_length != 16) return fail("IPv6 address does not have 16 bytes");
      break;
    case abi::family::kUnix:
      if (r.address_length == 0 || r.address_length > kMaxSocketPath)
        return fail("bad length of a socket path");
      if (text::hasControl(image_.str(r.address_offset, r.address_length))) {
        return fail("control character in a socket path");
      }
      break;
    default:
      return fail("unknown address family");
  }
  if (r.family != abi::family::kUnix && (r.port == 0 || r.port > 65535))
    return fail("port out of range");
  if (r.weight > abi::limits::kMaxWeight) return fail("weight out of range");
  if (r.priority > abi::limits::kMaxPriority) return fail("priority out of range");
  if (r.backup > 1) return fail("backup flag is neither 0 nor 1");
  if (!isOptionalText(r.zone_offset, r.zone_length)) return fail("zone out of bounds");
  if (!isOptionalText(r.server_name_offset, r.server_name_length) ||
      text::hasControl(image_.str(r.server_name_offset, r.server_name_length))) {
    return fail("bad server name");
  }
  return true;
}

bool ImageCheck::tls(const abi::TlsRecord& r) noexcept {
  if ((r.flags & ~abi::tls_flag::kInsecureSkipVerify) != 0) return fail("unknown TLS flag");
  if (!isOptionalText(r.server_name_offset, r.server_name_length) ||
      text::hasControl(image_.str(r.server_name_offset, r.server_name_length))) {
    return fail("bad server name");
  }
  if (!isOptionalText(r.ca_offset, r.ca_length)) return fail("CA certificates out of bounds");
  if (!isOptionalText(r.cert_offset, r.cert_length))
    return fail("client certificate out of bounds");
  if (!isOptionalText(r.key_offset, r.key_length)) return fail("client key out of bounds");
  if ((r.cert_offset == abi::kNone) != (r.key_offset == abi::kNone)) {
    return fail("client certificate without its key");
  }
  return true;
}

bool ImageCheck::cidr(const abi::CidrRecord& r) noexcept {
  if (r.family != abi::family::kIpv4 && r.family != abi::family::kIpv6)
    return fail("unknown address family");
  const uint32_t bits = r.family == abi::family::kIpv4 ? 32 : 128;
  return r.prefix_bits <= bits || fail("prefix longer than the address");
}

}  // namespace millrace
