// Printed from src/binding/abi.ts by the build. Change that file, not this one.
#ifndef MILLRACE_ABI_H_
#define MILLRACE_ABI_H_

#include <cstdint>

namespace millrace::abi {

inline constexpr uint32_t kHash = 3220473664u;
inline constexpr uint32_t kNone = 4294967295u;
inline constexpr uint32_t kImageMagic = 1296847427u;
inline constexpr uint32_t kImageVersion = 1u;
inline constexpr uint32_t kImageHeaderWords = 6u;
inline constexpr uint32_t kHistogramSubBucketBits = 5u;
inline constexpr uint32_t kHistogramMaxBits = 40u;
inline constexpr uint32_t kMaxRequestFields = 128u;
inline constexpr uint32_t kHeadLengthWords = 259u;
inline constexpr uint32_t kHistogramBuckets = 1152u;
inline constexpr uint32_t kHistogramTickMs = 5000u;
inline constexpr uint32_t kHistogramWindowMs = 60000u;
inline constexpr uint32_t kDigestWindowsMs[] = {10000u, 60000u, 0u};
inline constexpr double kDigestQuantiles[] = {0.5, 0.9, 0.99, 0.999};

namespace section {
inline constexpr uint32_t kBytes = 0u;
inline constexpr uint32_t kU16 = 1u;
inline constexpr uint32_t kIndex = 2u;
inline constexpr uint32_t kListener = 3u;
inline constexpr uint32_t kRouteTable = 4u;
inline constexpr uint32_t kHost = 5u;
inline constexpr uint32_t kVhost = 6u;
inline constexpr uint32_t kPath = 7u;
inline constexpr uint32_t kRegex = 8u;
inline constexpr uint32_t kDfa = 9u;
inline constexpr uint32_t kRoute = 10u;
inline constexpr uint32_t kPredicate = 11u;
inline constexpr uint32_t kEdit = 12u;
inline constexpr uint32_t kWeight = 13u;
inline constexpr uint32_t kRedirect = 14u;
inline constexpr uint32_t kRespond = 15u;
inline constexpr uint32_t kCluster = 16u;
inline constexpr uint32_t kEndpoint = 17u;
inline constexpr uint32_t kTls = 18u;
inline constexpr uint32_t kCidr = 19u;
inline constexpr uint32_t kBalancer = 20u;
inline constexpr uint32_t kHashSource = 21u;
inline constexpr uint32_t kSubset = 22u;
inline constexpr uint32_t kRateLimit = 23u;
inline constexpr uint32_t kRateKey = 24u;
inline constexpr uint32_t kRetry = 25u;
inline constexpr uint32_t kHedge = 26u;
inline constexpr uint32_t kOutlier = 27u;
inline constexpr uint32_t kBreaker = 28u;
inline constexpr uint32_t kFault = 29u;
inline constexpr uint32_t kTracing = 30u;
inline constexpr uint32_t kLog = 31u;
inline constexpr uint32_t kLogStep = 32u;
inline constexpr uint32_t kCount = 33u;
}  // namespace section

struct ListenerRecord {
  uint32_t name_offset;
  uint32_t name_length;
  uint32_t route_table;
  uint32_t flags;
  uint32_t trust_start;
  uint32_t trust_count;
  uint32_t max_head_bytes;
  uint32_t limit_start;
  uint32_t limit_count;
  uint32_t max_target_bytes;
  uint32_t max_header_bytes;
  uint32_t max_headers;
  uint32_t underscores;
  uint32_t underscore_start;
  uint32_t underscore_count;
  uint32_t escaped_slashes;
  uint32_t backslashes;
};
static_assert(sizeof(ListenerRecord) == 68);

struct RouteTableRecord {
  uint32_t name_offset;
  uint32_t name_length;
  uint32_t host_start;
  uint32_t host_capacity;
  uint32_t wild_start;
  uint32_t wild_capacity;
  uint32_t wild_max_labels;
  uint32_t any_vhost;
  uint32_t vhost_start;
  uint32_t vhost_count;
};
static_assert(sizeof(RouteTableRecord) == 40);

struct HostRecord {
  uint32_t hash;
  uint32_t key_offset;
  uint32_t key_length;
  uint32_t vhost;
};
static_assert(sizeof(HostRecord) == 16);

struct VhostRecord {
  uint32_t name_offset;
  uint32_t name_length;
  uint32_t path_start;
  uint32_t path_capacity;
  uint32_t prefix_lengths_low;
  uint32_t prefix_lengths_high;
  uint32_t regex_start;
  uint32_t regex_count;
  uint32_t route_start;
  uint32_t route_count;
};
static_assert(sizeof(VhostRecord) == 40);

struct PathRecord {
  uint32_t hash;
  uint32_t key_offset;
  uint32_t key_length;
  uint32_t kind;
  uint32_t candidate_start;
  uint32_t candidate_count;
  uint32_t sure_route;
};
static_assert(sizeof(PathRecord) == 28);

struct RegexRecord {
  uint32_t dfa;
  uint32_t candidate_start;
  uint32_t candidate_count;
};
static_assert(sizeof(RegexRecord) == 12);

struct DfaRecord {
  uint32_t state_count;
  uint32_t class_count;
  uint32_t class_offset;
  uint32_t transition_start;
  uint32_t start_state;
  uint32_t accept_offset;
};
static_assert(sizeof(DfaRecord) == 24);

struct RouteRecord {
  uint32_t name_offset;
  uint32_t name_length;
  uint32_t methods;
  uint32_t predicate_start;
  uint32_t predicate_count;
  uint32_t action;
  uint32_t action_start;
  uint32_t action_count;
  uint32_t timeout_ms;
  uint32_t max_duration_ms;
  uint32_t idle_timeout_ms;
  uint32_t retry_on;
  uint32_t retry_attempts;
  uint32_t path_kind;
  uint32_t path_offset;
  uint32_t path_length;
  uint32_t rewrite;
  uint32_t rewrite_offset;
  uint32_t rewrite_length;
  uint32_t host_offset;
  uint32_t host_length;
  uint32_t request_edit_start;
  uint32_t request_edit_count;
  uint32_t response_edit_start;
  uint32_t response_edit_count;
  uint32_t max_body_low;
  uint32_t max_body_high;
  uint32_t subset;
  uint32_t limit_start;
  uint32_t limit_count;
  uint32_t web_socket_max_message;
  uint32_t web_socket_idle_ms;
  uint32_t per_try_timeout_ms;
  uint32_t request_timeout_ms;
  uint32_t retry;
  uint32_t hedge;
  uint32_t deadline_offset;
  uint32_t deadline_length;
  uint32_t fault;
  uint32_t tracing;
  uint32_t sinks;
};
static_assert(sizeof(RouteRecord) == 164);

struct PredicateRecord {
  uint32_t source;
  uint32_t op;
  uint32_t negate;
  uint32_t name_offset;
  uint32_t name_length;
  uint32_t value_offset;
  uint32_t value_length;
  uint32_t dfa;
};
static_assert(sizeof(PredicateRecord) == 32);

struct EditRecord {
  uint32_t op;
  uint32_t name_offset;
  uint32_t name_length;
  uint32_t value_offset;
  uint32_t value_length;
};
static_assert(sizeof(EditRecord) == 20);

struct WeightRecord {
  uint32_t cluster;
  uint32_t subset;
  uint32_t cumulative;
};
static_assert(sizeof(WeightRecord) == 12);

struct RedirectRecord {
  uint32_t status;
  uint32_t scheme_offset;
  uint32_t scheme_length;
  uint32_t host_offset;
  uint32_t host_length;
  uint32_t port;
  uint32_t rewrite;
  uint32_t rewrite_offset;
  uint32_t rewrite_length;
  uint32_t strip_query;
};
static_assert(sizeof(RedirectRecord) == 40);

struct RespondRecord {
  uint32_t status;
  uint32_t body_offset;
  uint32_t body_length;
  uint32_t headers_offset;
  uint32_t headers_length;
};
static_assert(sizeof(RespondRecord) == 20);

struct ClusterRecord {
  uint32_t name_offset;
  uint32_t name_length;
  uint32_t endpoint_start;
  uint32_t endpoint_count;
  uint32_t connect_timeout_ms;
  uint32_t pool_idle_ms;
  uint32_t max_connections;
  uint32_t max_pending;
  uint32_t max_requests_per_connection;
  uint32_t tls;
  uint32_t balancer;
  uint32_t subset_start;
  uint32_t subset_count;
  uint32_t max_queue;
  uint32_t queue_timeout_ms;
  uint32_t tls_timeout_ms;
  uint32_t flags;
  uint32_t limit_connections;
  uint32_t limit_pending;
  uint32_t limit_requests;
  uint32_t limit_retries;
  uint32_t budget_percent;
  uint32_t budget_min_per_second;
  uint32_t budget_window_ms;
  uint32_t outlier;
  uint32_t breaker;
  uint32_t fallback_cluster;
  uint32_t fallback_respond;
};
static_assert(sizeof(ClusterRecord) == 112);

struct EndpointRecord {
  uint32_t name_offset;
  uint32_t name_length;
  uint32_t family;
  uint32_t address_offset;
  uint32_t address_length;
  uint32_t port;
  uint32_t weight;
  uint32_t server_name_offset;
  uint32_t server_name_length;
  uint32_t priority;
  uint32_t zone_offset;
  uint32_t zone_length;
  uint32_t max_requests;
  uint32_t backup;
  uint32_t drain;
};
static_assert(sizeof(EndpointRecord) == 60);

struct TlsRecord {
  uint32_t flags;
  uint32_t server_name_offset;
  uint32_t server_name_length;
  uint32_t ca_offset;
  uint32_t ca_length;
  uint32_t cert_offset;
  uint32_t cert_length;
  uint32_t key_offset;
  uint32_t key_length;
};
static_assert(sizeof(TlsRecord) == 36);

struct CidrRecord {
  uint32_t family;
  uint32_t prefix_bits;
  uint32_t word0;
  uint32_t word1;
  uint32_t word2;
  uint32_t word3;
};
static_assert(sizeof(CidrRecord) == 24);

struct BalancerRecord {
  uint32_t policy;
  uint32_t bias_millis;
  uint32_t decay_ms;
  uint32_t default_latency_us;
  uint32_t penalty_ms;
  uint32_t table_size;
  uint32_t hash_balance_percent;
  uint32_t hash_start;
  uint32_t hash_count;
  uint32_t overprovisioning_percent;
  uint32_t panic_percent;
  uint32_t zone_offset;
  uint32_t zone_length;
  uint32_t zone_min_endpoints;
  uint32_t slow_start_ms;
  uint32_t slow_start_aggression_millis;
  uint32_t slow_start_min_percent;
};
static_assert(sizeof(BalancerRecord) == 68);

struct HashSourceRecord {
  uint32_t kind;
  uint32_t flags;
  uint32_t name_offset;
  uint32_t name_length;
  uint32_t ttl_seconds;
  uint32_t path_offset;
  uint32_t path_length;
};
static_assert(sizeof(HashSourceRecord) == 28);

struct SubsetRecord {
  uint32_t cluster;
  uint32_t member_start;
  uint32_t member_count;
  uint32_t name_offset;
  uint32_t name_length;
};
static_assert(sizeof(SubsetRecord) == 20);

struct RateLimitRecord {
  uint32_t name_offset;
  uint32_t name_length;
  uint32_t tag;
  uint32_t algorithm;
  uint32_t limit;
  uint32_t window_ms;
  uint32_t burst;
  uint32_t flags;
  uint32_t status;
  uint32_t body_offset;
  uint32_t body_length;
  uint32_t type_offset;
  uint32_t type_length;
  uint32_t key_start;
  uint32_t key_count;
};
static_assert(sizeof(RateLimitRecord) == 60);

struct RateKeyRecord {
  uint32_t kind;
  uint32_t flags;
  uint32_t name_offset;
  uint32_t name_length;
  uint32_t bits4;
  uint32_t bits6;
};
static_assert(sizeof(RateKeyRecord) == 24);

struct RetryRecord {
  uint32_t status_start;
  uint32_t status_count;
  uint32_t backoff_base_ms;
  uint32_t backoff_max_ms;
  uint32_t retry_after_max_ms;
  uint32_t buffer_bytes;
  uint32_t flags;
};
static_assert(sizeof(RetryRecord) == 28);

struct HedgeRecord {
  uint32_t quantile_millis;
  uint32_t min_delay_ms;
  uint32_t max_delay_ms;
  uint32_t min_requests;
  uint32_t percent;
};
static_assert(sizeof(HedgeRecord) == 20);

struct OutlierRecord {
  uint32_t consecutive5xx;
  uint32_t consecutive_gateway_errors;
  uint32_t consecutive_local_errors;
  uint32_t interval_ms;
  uint32_t base_ejection_ms;
  uint32_t max_ejection_ms;
  uint32_t jitter_ms;
  uint32_t max_ejection_percent;
  uint32_t flags;
  uint32_t success_method;
  uint32_t success_factor_millis;
  uint32_t success_min_endpoints;
  uint32_t success_min_requests;
  uint32_t failure_percent;
  uint32_t failure_min_endpoints;
  uint32_t failure_min_requests;
  uint32_t latency_factor_millis;
  uint32_t latency_quantile_millis;
  uint32_t latency_min_us;
  uint32_t latency_min_endpoints;
  uint32_t latency_min_requests;
};
static_assert(sizeof(OutlierRecord) == 84);

struct BreakerRecord {
  uint32_t scope;
  uint32_t threshold_millis;
  uint32_t window_ms;
  uint32_t min_requests;
  uint32_t interval_ms;
  uint32_t max_interval_ms;
  uint32_t jitter_percent;
  uint32_t probes;
  uint32_t successes;
};
static_assert(sizeof(BreakerRecord) == 36);

struct FaultRecord {
  uint32_t abort_per_million;
  uint32_t abort_status;
  uint32_t delay_per_million;
  uint32_t delay_ms;
};
static_assert(sizeof(FaultRecord) == 16);

struct TracingRecord {
  uint32_t flags;
  uint32_t sample_low;
  uint32_t sample_high;
};
static_assert(sizeof(TracingRecord) == 12);

struct LogRecord {
  uint32_t name_offset;
  uint32_t name_length;
  uint32_t target;
  uint32_t flags;
  uint32_t sample_share;
  uint32_t min_duration_ms;
  uint32_t status_start;
  uint32_t status_count;
  uint32_t route_start;
  uint32_t route_count;
  uint32_t header_start;
  uint32_t header_count;
  uint32_t step_start;
  uint32_t step_count;
};
static_assert(sizeof(LogRecord) == 56);

struct LogStepRecord {
  uint32_t op;
  uint32_t text_offset;
  uint32_t text_length;
  uint32_t flags;
  uint32_t max_length;
};
static_assert(sizeof(LogStepRecord) == 20);

struct EventRecord {
  int32_t exchange;
  int32_t kind;
  int32_t flags;
  int32_t status;
  int32_t head_offset;
  int32_t head_length;
  int32_t body_offset;
  int32_t body_length;
  int32_t length_low;
  int32_t length_high;
};

namespace path_kind {
inline constexpr uint32_t kExact = 1u;
inline constexpr uint32_t kPrefix = 2u;
inline constexpr uint32_t kRegex = 3u;
}  // namespace path_kind

namespace action {
inline constexpr uint32_t kCluster = 1u;
inline constexpr uint32_t kWeightedClusters = 2u;
inline constexpr uint32_t kRedirect = 3u;
inline constexpr uint32_t kRespond = 4u;
}  // namespace action

namespace rewrite {
inline constexpr uint32_t kNone = 0u;
inline constexpr uint32_t kPrefix = 1u;
inline constexpr uint32_t kPath = 2u;
}  // namespace rewrite

namespace predicate_source {
inline constexpr uint32_t kHeader = 1u;
inline constexpr uint32_t kQuery = 2u;
}  // namespace predicate_source

namespace predicate_operator {
inline constexpr uint32_t kPresent = 1u;
inline constexpr uint32_t kExact = 2u;
inline constexpr uint32_t kPrefix = 3u;
inline constexpr uint32_t kSuffix = 4u;
inline constexpr uint32_t kContains = 5u;
inline constexpr uint32_t kRegex = 6u;
}  // namespace predicate_operator

namespace edit_operator {
inline constexpr uint32_t kSet = 1u;
inline constexpr uint32_t kAdd = 2u;
inline constexpr uint32_t kRemove = 3u;
}  // namespace edit_operator

namespace policy {
inline constexpr uint32_t kRoundRobin = 1u;
inline constexpr uint32_t kLeastRequest = 2u;
inline constexpr uint32_t kRandom = 3u;
inline constexpr uint32_t kPeakEwma = 4u;
inline constexpr uint32_t kLeastTime = 5u;
inline constexpr uint32_t kRingHash = 6u;
inline constexpr uint32_t kMaglev = 7u;
inline constexpr uint32_t kRendezvous = 8u;
inline constexpr uint32_t kPrequal = 9u;
}  // namespace policy

namespace family {
inline constexpr uint32_t kIpv4 = 4u;
inline constexpr uint32_t kIpv6 = 6u;
inline constexpr uint32_t kUnix = 1u;
}  // namespace family

namespace listener_flag {
inline constexpr uint32_t kTls = 1u;
inline constexpr uint32_t kForwardedHeaders = 2u;
inline constexpr uint32_t kRequestId = 4u;
inline constexpr uint32_t kKeepSlashes = 8u;
inline constexpr uint32_t kAllowTrace = 16u;
inline constexpr uint32_t kKeepAliveAfterChunked = 32u;
}  // namespace listener_flag

namespace underscores {
inline constexpr uint32_t kDrop = 0u;
inline constexpr uint32_t kKeep = 1u;
inline constexpr uint32_t kReject = 2u;
}  // namespace underscores

namespace slashes {
inline constexpr uint32_t kReject = 0u;
inline constexpr uint32_t kKeep = 1u;
inline constexpr uint32_t kSlash = 2u;
}  // namespace slashes

namespace hash_source_kind {
inline constexpr uint32_t kHeader = 1u;
inline constexpr uint32_t kCookie = 2u;
inline constexpr uint32_t kClientIp = 3u;
inline constexpr uint32_t kPath = 4u;
inline constexpr uint32_t kQuery = 5u;
}  // namespace hash_source_kind

namespace hash_source_flag {
inline constexpr uint32_t kTerminal = 1u;
}  // namespace hash_source_flag

namespace rate_algorithm {
inline constexpr uint32_t kSlidingWindow = 1u;
inline constexpr uint32_t kSlidingLog = 2u;
inline constexpr uint32_t kGcra = 3u;
}  // namespace rate_algorithm

namespace rate_flag {
inline constexpr uint32_t kShadow = 1u;
inline constexpr uint32_t kHeadersAlways = 2u;
inline constexpr uint32_t kHeadersNever = 4u;
inline constexpr uint32_t kXHeaders = 8u;
}  // namespace rate_flag

namespace rate_key_kind {
inline constexpr uint32_t kClientIp = 1u;
inline constexpr uint32_t kHeader = 2u;
inline constexpr uint32_t kCookie = 3u;
inline constexpr uint32_t kPath = 4u;
inline constexpr uint32_t kRoute = 5u;
inline constexpr uint32_t kHost = 6u;
}  // namespace rate_key_kind

namespace rate_key_flag {
inline constexpr uint32_t kSkipWhenMissing = 1u;
}  // namespace rate_key_flag

namespace health {
inline constexpr uint32_t kUnhealthy = 1u;
inline constexpr uint32_t kEjected = 2u;
inline constexpr uint32_t kOpen = 4u;
inline constexpr uint32_t kHalfOpen = 8u;
inline constexpr uint32_t kUnchecked = 16u;
inline constexpr uint32_t kDrained = 32u;
}  // namespace health

namespace rate_stat {
inline constexpr uint32_t kAllowed = 0u;
inline constexpr uint32_t kLimited = 1u;
inline constexpr uint32_t kShadowed = 2u;
inline constexpr uint32_t kUnplaced = 3u;
inline constexpr uint32_t kCount = 4u;
}  // namespace rate_stat

namespace rate_table_stat {
inline constexpr uint32_t kCapacity = 0u;
inline constexpr uint32_t kKeys = 1u;
inline constexpr uint32_t kEvicted = 2u;
inline constexpr uint32_t kUnplaced = 3u;
inline constexpr uint32_t kBytes = 4u;
inline constexpr uint32_t kCount = 5u;
}  // namespace rate_table_stat

namespace tls_flag {
inline constexpr uint32_t kInsecureSkipVerify = 1u;
}  // namespace tls_flag

namespace retry_on {
inline constexpr uint32_t kConnectFailure = 1u;
inline constexpr uint32_t kReset = 2u;
inline constexpr uint32_t kTimeout = 4u;
inline constexpr uint32_t k5xx = 8u;
inline constexpr uint32_t kGatewayError = 16u;
inline constexpr uint32_t kRetriable4xx = 32u;
inline constexpr uint32_t kRateLimited = 64u;
}  // namespace retry_on

namespace retry_flag {
inline constexpr uint32_t kNonIdempotent = 1u;
}  // namespace retry_flag

namespace tracing_flag {
inline constexpr uint32_t kParentBased = 1u;
inline constexpr uint32_t kB3 = 2u;
inline constexpr uint32_t kTrustedPeers = 4u;
inline constexpr uint32_t kOff = 8u;
}  // namespace tracing_flag

namespace cluster_flag {
inline constexpr uint32_t kHealthChecked = 1u;
}  // namespace cluster_flag

namespace outlier_flag {
inline constexpr uint32_t kShadow = 1u;
inline constexpr uint32_t kKeepEjected = 2u;
}  // namespace outlier_flag

namespace outlier_method {
inline constexpr uint32_t kOff = 0u;
inline constexpr uint32_t kDeviation = 1u;
inline constexpr uint32_t kMad = 2u;
}  // namespace outlier_method

namespace breaker_scope {
inline constexpr uint32_t kCluster = 1u;
inline constexpr uint32_t kEndpoint = 2u;
}  // namespace breaker_scope

namespace breaker_state {
inline constexpr uint32_t kClosed = 0u;
inline constexpr uint32_t kOpen = 1u;
inline constexpr uint32_t kHalfOpen = 2u;
}  // namespace breaker_state

namespace transition_kind {
inline constexpr uint32_t kEjected = 1u;
inline constexpr uint32_t kUnejected = 2u;
inline constexpr uint32_t kWouldEject = 3u;
inline constexpr uint32_t kNotEjected = 4u;
inline constexpr uint32_t kBreakerOpened = 5u;
inline constexpr uint32_t kBreakerHalfOpened = 6u;
inline constexpr uint32_t kBreakerClosed = 7u;
}  // namespace transition_kind

namespace transition_reason {
inline constexpr uint32_t kNone = 0u;
inline constexpr uint32_t kConsecutive5xx = 1u;
inline constexpr uint32_t kConsecutiveGatewayErrors = 2u;
inline constexpr uint32_t kConsecutiveLocalErrors = 3u;
inline constexpr uint32_t kSuccessRate = 4u;
inline constexpr uint32_t kFailurePercentage = 5u;
inline constexpr uint32_t kLatency = 6u;
inline constexpr uint32_t kEjectionEnded = 7u;
inline constexpr uint32_t kHealthCheckPassed = 8u;
inline constexpr uint32_t kDetectionRemoved = 9u;
inline constexpr uint32_t kFailureRatio = 10u;
inline constexpr uint32_t kProbeFailed = 11u;
inline constexpr uint32_t kIntervalPassed = 12u;
inline constexpr uint32_t kProbesPassed = 13u;
inline constexpr uint32_t kBreakerRemoved = 14u;
inline constexpr uint32_t kCount = 15u;
}  // namespace transition_reason

namespace event_kind {
inline constexpr uint32_t kComplete = 1u;
inline constexpr uint32_t kHead = 2u;
inline constexpr uint32_t kBody = 3u;
inline constexpr uint32_t kAbort = 4u;
inline constexpr uint32_t kResumeRequest = 5u;
inline constexpr uint32_t kUpgraded = 6u;
inline constexpr uint32_t kMessage = 7u;
inline constexpr uint32_t kClosed = 8u;
}  // namespace event_kind

namespace event_flag {
inline constexpr uint32_t kBodiless = 1u;
inline constexpr uint32_t kChunked = 2u;
inline constexpr uint32_t kLast = 4u;
inline constexpr uint32_t kClose = 8u;
inline constexpr uint32_t kLocal = 16u;
inline constexpr uint32_t kMessageEnd = 32u;
inline constexpr uint32_t kSayClose = 64u;
}  // namespace event_flag

namespace submit {
inline constexpr uint32_t kAccepted = 0u;
inline constexpr uint32_t kNeedLatin1 = 1u;
inline constexpr uint32_t kAcceptedWithBody = 2u;
inline constexpr uint32_t kNeedPeer = 3u;
}  // namespace submit

namespace submit_flag {
inline constexpr uint32_t kLatin1 = 65536u;
inline constexpr uint32_t kUpgrade = 131072u;
inline constexpr uint32_t kPeerLeftOut = 262144u;
}  // namespace submit_flag

namespace send {
inline constexpr uint32_t kOk = 0u;
inline constexpr uint32_t kPause = 1u;
inline constexpr uint32_t kTooLarge = 2u;
}  // namespace send

namespace limits {
inline constexpr uint32_t kExchangeSlotBits = 20u;
inline constexpr uint32_t kMaxWorkers = 64u;
inline constexpr uint32_t kMaxWebSocketMessage = 67108864u;
inline constexpr uint32_t kMaxRequestHeaders = 98u;
inline constexpr uint32_t kMaxRespondBodyBytes = 1048576u;
inline constexpr uint32_t kMaxRespondHeadersBytes = 65536u;
inline constexpr uint32_t kMaxEndpoints = 65535u;
inline constexpr uint32_t kMaxWeight = 1000000u;
inline constexpr uint32_t kMaxPriority = 127u;
inline constexpr uint32_t kMaxMaglevTable = 5000011u;
inline constexpr uint32_t kMinRing = 1024u;
inline constexpr uint32_t kMaxRing = 8388608u;
inline constexpr uint32_t kMaxHashSources = 16u;
inline constexpr uint32_t kMaxHashBalancePercent = 100000u;
inline constexpr uint32_t kMaxBiasMillis = 10000u;
inline constexpr uint32_t kMinAggressionMillis = 100u;
inline constexpr uint32_t kMaxAggressionMillis = 10000u;
inline constexpr uint32_t kMaxOverprovisioningPercent = 1000u;
inline constexpr uint32_t kMaxBalancerTimeMs = 3600000u;
inline constexpr uint32_t kMaxSubsetKeys = 16u;
inline constexpr uint32_t kMaxSelectors = 64u;
inline constexpr uint32_t kMaxRateLimitsPerRoute = 16u;
inline constexpr uint32_t kMaxSlidingLog = 128u;
inline constexpr uint32_t kMaxRateRequests = 1000000u;
inline constexpr uint32_t kMaxRateWindowMs = 86400000u;
inline constexpr uint32_t kMaxRateBurstMs = 604800000u;
inline constexpr uint32_t kMaxRateKeys = 8u;
inline constexpr uint32_t kMaxRateNameBytes = 512u;
inline constexpr uint32_t kMaxRateTypeBytes = 256u;
inline constexpr uint32_t kMaxRetries = 10u;
inline constexpr uint32_t kMaxRetryStatuses = 32u;
inline constexpr uint32_t kMaxRetryBufferBytes = 16777216u;
inline constexpr uint32_t kMaxFailoverMs = 86400000u;
inline constexpr uint32_t kMaxBreakerProbes = 255u;
inline constexpr uint32_t kMaxConsecutiveErrors = 1000000u;
inline constexpr uint32_t kMaxFallbacks = 8u;
inline constexpr uint32_t kMaxRecordAttempts = 6u;
inline constexpr uint32_t kMaxExportTimeoutMs = 60000u;
inline constexpr uint32_t kMaxFaultDelayMs = 3600000u;
inline constexpr uint32_t kMaxLogSinks = 8u;
inline constexpr uint32_t kMaxLogHeaders = 16u;
inline constexpr uint32_t kMaxLogSteps = 256u;
inline constexpr uint32_t kMaxLogTextBytes = 4096u;
}  // namespace limits

namespace websocket_opcode {
inline constexpr uint32_t kText = 1u;
inline constexpr uint32_t kBinary = 2u;
inline constexpr uint32_t kClose = 8u;
inline constexpr uint32_t kPing = 9u;
inline constexpr uint32_t kPong = 10u;
}  // namespace websocket_opcode

namespace websocket_close {
inline constexpr uint32_t kNormal = 1000u;
inline constexpr uint32_t kGoingAway = 1001u;
inline constexpr uint32_t kProtocolError = 1002u;
inline constexpr uint32_t kNoStatus = 1005u;
inline constexpr uint32_t kAbnormal = 1006u;
inline constexpr uint32_t kInvalidPayload = 1007u;
inline constexpr uint32_t kTooBig = 1009u;
inline constexpr uint32_t kTryAgainLater = 1013u;
inline constexpr uint32_t kBadGateway = 1014u;
}  // namespace websocket_close

namespace method {
inline constexpr uint32_t kGet = 0u;
inline constexpr uint32_t kHead = 1u;
inline constexpr uint32_t kPost = 2u;
inline constexpr uint32_t kPut = 3u;
inline constexpr uint32_t kDelete = 4u;
inline constexpr uint32_t kPatch = 5u;
inline constexpr uint32_t kOptions = 6u;
inline constexpr uint32_t kTrace = 7u;
inline constexpr uint32_t kQuery = 8u;
inline constexpr uint32_t kPropfind = 9u;
inline constexpr uint32_t kProppatch = 10u;
inline constexpr uint32_t kMkcol = 11u;
inline constexpr uint32_t kCopy = 12u;
inline constexpr uint32_t kMove = 13u;
inline constexpr uint32_t kLock = 14u;
inline constexpr uint32_t kUnlock = 15u;
inline constexpr uint32_t kReport = 16u;
inline constexpr uint32_t kSearch = 17u;
inline constexpr uint32_t kCount = 18u;
}  // namespace method

namespace response_flag {
inline constexpr uint32_t kNone = 0u;
inline constexpr uint32_t kNr = 1u;
inline constexpr uint32_t kNc = 2u;
inline constexpr uint32_t kUf = 3u;
inline constexpr uint32_t kUc = 4u;
inline constexpr uint32_t kUt = 5u;
inline constexpr uint32_t kSi = 6u;
inline constexpr uint32_t kUo = 7u;
inline constexpr uint32_t kUpe = 8u;
inline constexpr uint32_t kDpe = 9u;
inline constexpr uint32_t kDc = 10u;
inline constexpr uint32_t kDi = 11u;
inline constexpr uint32_t kBl = 12u;
inline constexpr uint32_t kUtls = 13u;
inline constexpr uint32_t kOvl = 14u;
inline constexpr uint32_t kRl = 15u;
inline constexpr uint32_t kUh = 16u;
inline constexpr uint32_t kUq = 17u;
inline constexpr uint32_t kCb = 18u;
inline constexpr uint32_t kUct = 19u;
inline constexpr uint32_t kUtt = 20u;
inline constexpr uint32_t kUpt = 21u;
inline constexpr uint32_t kDrt = 22u;
inline constexpr uint32_t kUmsdr = 23u;
inline constexpr uint32_t kDle = 24u;
inline constexpr uint32_t kFi = 25u;
inline constexpr uint32_t kCount = 26u;
}  // namespace response_flag

namespace cluster_stat {
inline constexpr uint32_t kRequests = 0u;
inline constexpr uint32_t kActive = 1u;
inline constexpr uint32_t kResponses1xx = 2u;
inline constexpr uint32_t kResponses2xx = 3u;
inline constexpr uint32_t kResponses3xx = 4u;
inline constexpr uint32_t kResponses4xx = 5u;
inline constexpr uint32_t kResponses5xx = 6u;
inline constexpr uint32_t kResponsesNone = 7u;
inline constexpr uint32_t kRetries = 8u;
inline constexpr uint32_t kConnectFailures = 9u;
inline constexpr uint32_t kConnectionsOpened = 10u;
inline constexpr uint32_t kConnectionsActive = 11u;
inline constexpr uint32_t kConnectionsIdle = 12u;
inline constexpr uint32_t kPending = 13u;
inline constexpr uint32_t kPendingOverflow = 14u;
inline constexpr uint32_t kBytesSent = 15u;
inline constexpr uint32_t kBytesReceived = 16u;
inline constexpr uint32_t kTimeouts = 17u;
inline constexpr uint32_t kProtocolErrors = 18u;
inline constexpr uint32_t kDurationSumUs = 19u;
inline constexpr uint32_t kQueued = 20u;
inline constexpr uint32_t kQueuedTotal = 21u;
inline constexpr uint32_t kQueueOverflow = 22u;
inline constexpr uint32_t kQueueTimeouts = 23u;
inline constexpr uint32_t kPanicPicks = 24u;
inline constexpr uint32_t kHashOverflow = 25u;
inline constexpr uint32_t kRetrySuccesses = 26u;
inline constexpr uint32_t kRetryBudgetExhausted = 27u;
inline constexpr uint32_t kRetryOverflow = 28u;
inline constexpr uint32_t kRetryBodyTooLarge = 29u;
inline constexpr uint32_t kPerTryTimeouts = 30u;
inline constexpr uint32_t kConnectTimeouts = 31u;
inline constexpr uint32_t kTlsTimeouts = 32u;
inline constexpr uint32_t kHedges = 33u;
inline constexpr uint32_t kHedgesWon = 34u;
inline constexpr uint32_t kHedgesOverBudget = 35u;
inline constexpr uint32_t kRequestOverflow = 36u;
inline constexpr uint32_t kConnectionOverflow = 37u;
inline constexpr uint32_t kBreakerRejected = 38u;
inline constexpr uint32_t kFallbacks = 39u;
inline constexpr uint32_t kBreakerState = 40u;
inline constexpr uint32_t kBreakerOpened = 41u;
inline constexpr uint32_t kEjected = 42u;
inline constexpr uint32_t kEjections = 43u;
inline constexpr uint32_t kEjectionsShadowed = 44u;
inline constexpr uint32_t kEjectionsOverflow = 45u;
inline constexpr uint32_t kErrornone = 46u;
inline constexpr uint32_t kErrorheadTooLarge = 47u;
inline constexpr uint32_t kErrorbareLineFeed = 48u;
inline constexpr uint32_t kErrornotHttp = 49u;
inline constexpr uint32_t kErrorbadStatusLine = 50u;
inline constexpr uint32_t kErrorbadVersion = 51u;
inline constexpr uint32_t kErrorbadStatusCode = 52u;
inline constexpr uint32_t kErrorbadFieldName = 53u;
inline constexpr uint32_t kErrorbadFieldValue = 54u;
inline constexpr uint32_t kErrortooManyFields = 55u;
inline constexpr uint32_t kErrorbadContentLength = 56u;
inline constexpr uint32_t kErrorconflictingContentLength = 57u;
inline constexpr uint32_t kErrorbadTransferEncoding = 58u;
inline constexpr uint32_t kErrorlengthAndTransferEncoding = 59u;
inline constexpr uint32_t kErrortooManyConnectionOptions = 60u;
inline constexpr uint32_t kErrorunexpectedUpgrade = 61u;
inline constexpr uint32_t kErrorupgradeMismatch = 62u;
inline constexpr uint32_t kErrorupgradeExtension = 63u;
inline constexpr uint32_t kErrorupgradeProtocol = 64u;
inline constexpr uint32_t kErrortooManyInterim = 65u;
inline constexpr uint32_t kErrorinterimTooLarge = 66u;
inline constexpr uint32_t kErrorbadChunkSize = 67u;
inline constexpr uint32_t kErrorbadChunkEnd = 68u;
inline constexpr uint32_t kErrorchunkExtensionTooLong = 69u;
inline constexpr uint32_t kErrorbadTrailer = 70u;
inline constexpr uint32_t kErrortrailersTooLarge = 71u;
inline constexpr uint32_t kErrorextraBytes = 72u;
inline constexpr uint32_t kErrorunsolicited = 73u;
inline constexpr uint32_t kErrorearly = 74u;
inline constexpr uint32_t kErrorwebSocketFrame = 75u;
inline constexpr uint32_t kErrortruncated = 76u;
inline constexpr uint32_t kCount = 77u;
}  // namespace cluster_stat

namespace endpoint_stat {
inline constexpr uint32_t kRequests = 0u;
inline constexpr uint32_t kActive = 1u;
inline constexpr uint32_t kConnections = 2u;
inline constexpr uint32_t kConnectFailures = 3u;
inline constexpr uint32_t kResponses = 4u;
inline constexpr uint32_t kResponses5xx = 5u;
inline constexpr uint32_t kFailures = 6u;
inline constexpr uint32_t kHealth = 7u;
inline constexpr uint32_t kLatencyUs = 8u;
inline constexpr uint32_t kEjections = 9u;
inline constexpr uint32_t kBreakerState = 10u;
inline constexpr uint32_t kBreakerOpened = 11u;
inline constexpr uint32_t kCount = 12u;
}  // namespace endpoint_stat

namespace process_stat {
inline constexpr uint32_t kDownstreamConnections = 0u;
inline constexpr uint32_t kDownstreamConnectionsTotal = 1u;
inline constexpr uint32_t kDownstreamRequests = 2u;
inline constexpr uint32_t kDownstreamBytesReceived = 3u;
inline constexpr uint32_t kDownstreamBytesSent = 4u;
inline constexpr uint32_t kWebSockets = 5u;
inline constexpr uint32_t kWebSocketsTotal = 6u;
inline constexpr uint32_t kWebSocketMessagesReceived = 7u;
inline constexpr uint32_t kWebSocketMessagesSent = 8u;
inline constexpr uint32_t kFlagnone = 9u;
inline constexpr uint32_t kFlagNR = 10u;
inline constexpr uint32_t kFlagNC = 11u;
inline constexpr uint32_t kFlagUF = 12u;
inline constexpr uint32_t kFlagUC = 13u;
inline constexpr uint32_t kFlagUT = 14u;
inline constexpr uint32_t kFlagSI = 15u;
inline constexpr uint32_t kFlagUO = 16u;
inline constexpr uint32_t kFlagUPE = 17u;
inline constexpr uint32_t kFlagDPE = 18u;
inline constexpr uint32_t kFlagDC = 19u;
inline constexpr uint32_t kFlagDI = 20u;
inline constexpr uint32_t kFlagBL = 21u;
inline constexpr uint32_t kFlagUTLS = 22u;
inline constexpr uint32_t kFlagOVL = 23u;
inline constexpr uint32_t kFlagRL = 24u;
inline constexpr uint32_t kFlagUH = 25u;
inline constexpr uint32_t kFlagUQ = 26u;
inline constexpr uint32_t kFlagCB = 27u;
inline constexpr uint32_t kFlagUCT = 28u;
inline constexpr uint32_t kFlagUTT = 29u;
inline constexpr uint32_t kFlagUPT = 30u;
inline constexpr uint32_t kFlagDRT = 31u;
inline constexpr uint32_t kFlagUMSDR = 32u;
inline constexpr uint32_t kFlagDLE = 33u;
inline constexpr uint32_t kFlagFI = 34u;
inline constexpr uint32_t kDownstreamErrornone = 35u;
inline constexpr uint32_t kDownstreamErrormalformed = 36u;
inline constexpr uint32_t kDownstreamErrormethod = 37u;
inline constexpr uint32_t kDownstreamErrormethodRefused = 38u;
inline constexpr uint32_t kDownstreamErrortarget = 39u;
inline constexpr uint32_t kDownstreamErrortargetTooLong = 40u;
inline constexpr uint32_t kDownstreamErrorpath = 41u;
inline constexpr uint32_t kDownstreamErrormissingHost = 42u;
inline constexpr uint32_t kDownstreamErrorhost = 43u;
inline constexpr uint32_t kDownstreamErrorrepeatedHost = 44u;
inline constexpr uint32_t kDownstreamErrorheaderName = 45u;
inline constexpr uint32_t kDownstreamErrorunderscore = 46u;
inline constexpr uint32_t kDownstreamErrorheaderValue = 47u;
inline constexpr uint32_t kDownstreamErrorrepeatedHeader = 48u;
inline constexpr uint32_t kDownstreamErrortooManyHeaders = 49u;
inline constexpr uint32_t kDownstreamErrorheaderTooLong = 50u;
inline constexpr uint32_t kDownstreamErrorheadTooLarge = 51u;
inline constexpr uint32_t kDownstreamErrorcontentLength = 52u;
inline constexpr uint32_t kDownstreamErrortransferEncoding = 53u;
inline constexpr uint32_t kDownstreamErrorunknownTransferCoding = 54u;
inline constexpr uint32_t kDownstreamErrorlengthAndTransferEncoding = 55u;
inline constexpr uint32_t kDownstreamErrorconnectionOptions = 56u;
inline constexpr uint32_t kDownstreamErrorexpectation = 57u;
inline constexpr uint32_t kDownstreamErrormaxForwards = 58u;
inline constexpr uint32_t kDownstreamErrortraceBody = 59u;
inline constexpr uint32_t kDownstreamErrorwebSocketVersion = 60u;
inline constexpr uint32_t kDownstreamErrorwebSocketKey = 61u;
inline constexpr uint32_t kDownstreamErrorwebSocketBody = 62u;
inline constexpr uint32_t kIncidentsDropped = 63u;
inline constexpr uint32_t kRecordsDropped = 64u;
inline constexpr uint32_t kSpansDropped = 65u;
inline constexpr uint32_t kFaultsAborted = 66u;
inline constexpr uint32_t kFaultsDelayed = 67u;
inline constexpr uint32_t kCount = 68u;
}  // namespace process_stat

namespace route_stat {
inline constexpr uint32_t kRequests = 0u;
inline constexpr uint32_t kResponses1xx = 1u;
inline constexpr uint32_t kResponses2xx = 2u;
inline constexpr uint32_t kResponses3xx = 3u;
inline constexpr uint32_t kResponses4xx = 4u;
inline constexpr uint32_t kResponses5xx = 5u;
inline constexpr uint32_t kResponsesNone = 6u;
inline constexpr uint32_t kRetries = 7u;
inline constexpr uint32_t kTimeouts = 8u;
inline constexpr uint32_t kRateLimited = 9u;
inline constexpr uint32_t kCount = 10u;
}  // namespace route_stat

namespace listener_stat {
inline constexpr uint32_t kRequests = 0u;
inline constexpr uint32_t kActive = 1u;
inline constexpr uint32_t kResponses1xx = 2u;
inline constexpr uint32_t kResponses2xx = 3u;
inline constexpr uint32_t kResponses3xx = 4u;
inline constexpr uint32_t kResponses4xx = 5u;
inline constexpr uint32_t kResponses5xx = 6u;
inline constexpr uint32_t kResponsesNone = 7u;
inline constexpr uint32_t kConnections = 8u;
inline constexpr uint32_t kConnectionsTotal = 9u;
inline constexpr uint32_t kBytesReceived = 10u;
inline constexpr uint32_t kBytesSent = 11u;
inline constexpr uint32_t kFlagnone = 12u;
inline constexpr uint32_t kFlagNR = 13u;
inline constexpr uint32_t kFlagNC = 14u;
inline constexpr uint32_t kFlagUF = 15u;
inline constexpr uint32_t kFlagUC = 16u;
inline constexpr uint32_t kFlagUT = 17u;
inline constexpr uint32_t kFlagSI = 18u;
inline constexpr uint32_t kFlagUO = 19u;
inline constexpr uint32_t kFlagUPE = 20u;
inline constexpr uint32_t kFlagDPE = 21u;
inline constexpr uint32_t kFlagDC = 22u;
inline constexpr uint32_t kFlagDI = 23u;
inline constexpr uint32_t kFlagBL = 24u;
inline constexpr uint32_t kFlagUTLS = 25u;
inline constexpr uint32_t kFlagOVL = 26u;
inline constexpr uint32_t kFlagRL = 27u;
inline constexpr uint32_t kFlagUH = 28u;
inline constexpr uint32_t kFlagUQ = 29u;
inline constexpr uint32_t kFlagCB = 30u;
inline constexpr uint32_t kFlagUCT = 31u;
inline constexpr uint32_t kFlagUTT = 32u;
inline constexpr uint32_t kFlagUPT = 33u;
inline constexpr uint32_t kFlagDRT = 34u;
inline constexpr uint32_t kFlagUMSDR = 35u;
inline constexpr uint32_t kFlagDLE = 36u;
inline constexpr uint32_t kFlagFI = 37u;
inline constexpr uint32_t kCount = 38u;
}  // namespace listener_stat

namespace histogram_field {
inline constexpr uint32_t kSamples = 0u;
inline constexpr uint32_t kSum = 1u;
inline constexpr uint32_t kMax = 2u;
inline constexpr uint32_t kSpanMs = 3u;
inline constexpr uint32_t kEntries = 4u;
inline constexpr uint32_t kCount = 5u;
}  // namespace histogram_field

namespace cluster_histogram {
inline constexpr uint32_t kDuration = 0u;
inline constexpr uint32_t kConnect = 1u;
inline constexpr uint32_t kFirstByte = 2u;
inline constexpr uint32_t kUpstream = 3u;
inline constexpr uint32_t kQueue = 4u;
inline constexpr uint32_t kCount = 5u;
}  // namespace cluster_histogram

namespace endpoint_histogram {
inline constexpr uint32_t kConnect = 0u;
inline constexpr uint32_t kFirstByte = 1u;
inline constexpr uint32_t kUpstream = 2u;
inline constexpr uint32_t kCount = 3u;
}  // namespace endpoint_histogram

namespace route_histogram {
inline constexpr uint32_t kDuration = 0u;
inline constexpr uint32_t kRequestBytes = 1u;
inline constexpr uint32_t kResponseBytes = 2u;
inline constexpr uint32_t kFirstByte = 3u;
inline constexpr uint32_t kCount = 4u;
}  // namespace route_histogram

namespace listener_histogram {
inline constexpr uint32_t kDuration = 0u;
inline constexpr uint32_t kCount = 1u;
}  // namespace listener_histogram

namespace digest_field {
inline constexpr uint32_t kSamples = 0u;
inline constexpr uint32_t kSum = 1u;
inline constexpr uint32_t kMax = 2u;
inline constexpr uint32_t kSpanMs = 3u;
inline constexpr uint32_t kP50 = 4u;
inline constexpr uint32_t kP90 = 5u;
inline constexpr uint32_t kP99 = 6u;
inline constexpr uint32_t kP999 = 7u;
inline constexpr uint32_t kCount = 8u;
}  // namespace digest_field

namespace downstream_error {
inline constexpr uint32_t kNone = 0u;
inline constexpr uint32_t kMalformed = 1u;
inline constexpr uint32_t kMethod = 2u;
inline constexpr uint32_t kMethodRefused = 3u;
inline constexpr uint32_t kTarget = 4u;
inline constexpr uint32_t kTargetTooLong = 5u;
inline constexpr uint32_t kPath = 6u;
inline constexpr uint32_t kMissingHost = 7u;
inline constexpr uint32_t kHost = 8u;
inline constexpr uint32_t kRepeatedHost = 9u;
inline constexpr uint32_t kHeaderName = 10u;
inline constexpr uint32_t kUnderscore = 11u;
inline constexpr uint32_t kHeaderValue = 12u;
inline constexpr uint32_t kRepeatedHeader = 13u;
inline constexpr uint32_t kTooManyHeaders = 14u;
inline constexpr uint32_t kHeaderTooLong = 15u;
inline constexpr uint32_t kHeadTooLarge = 16u;
inline constexpr uint32_t kContentLength = 17u;
inline constexpr uint32_t kTransferEncoding = 18u;
inline constexpr uint32_t kUnknownTransferCoding = 19u;
inline constexpr uint32_t kLengthAndTransferEncoding = 20u;
inline constexpr uint32_t kConnectionOptions = 21u;
inline constexpr uint32_t kExpectation = 22u;
inline constexpr uint32_t kMaxForwards = 23u;
inline constexpr uint32_t kTraceBody = 24u;
inline constexpr uint32_t kWebSocketVersion = 25u;
inline constexpr uint32_t kWebSocketKey = 26u;
inline constexpr uint32_t kWebSocketBody = 27u;
inline constexpr uint32_t kCount = 28u;
}  // namespace downstream_error

namespace upstream_error {
inline constexpr uint32_t kNone = 0u;
inline constexpr uint32_t kHeadTooLarge = 1u;
inline constexpr uint32_t kBareLineFeed = 2u;
inline constexpr uint32_t kNotHttp = 3u;
inline constexpr uint32_t kBadStatusLine = 4u;
inline constexpr uint32_t kBadVersion = 5u;
inline constexpr uint32_t kBadStatusCode = 6u;
inline constexpr uint32_t kBadFieldName = 7u;
inline constexpr uint32_t kBadFieldValue = 8u;
inline constexpr uint32_t kTooManyFields = 9u;
inline constexpr uint32_t kBadContentLength = 10u;
inline constexpr uint32_t kConflictingContentLength = 11u;
inline constexpr uint32_t kBadTransferEncoding = 12u;
inline constexpr uint32_t kLengthAndTransferEncoding = 13u;
inline constexpr uint32_t kTooManyConnectionOptions = 14u;
inline constexpr uint32_t kUnexpectedUpgrade = 15u;
inline constexpr uint32_t kUpgradeMismatch = 16u;
inline constexpr uint32_t kUpgradeExtension = 17u;
inline constexpr uint32_t kUpgradeProtocol = 18u;
inline constexpr uint32_t kTooManyInterim = 19u;
inline constexpr uint32_t kInterimTooLarge = 20u;
inline constexpr uint32_t kBadChunkSize = 21u;
inline constexpr uint32_t kBadChunkEnd = 22u;
inline constexpr uint32_t kChunkExtensionTooLong = 23u;
inline constexpr uint32_t kBadTrailer = 24u;
inline constexpr uint32_t kTrailersTooLarge = 25u;
inline constexpr uint32_t kExtraBytes = 26u;
inline constexpr uint32_t kUnsolicited = 27u;
inline constexpr uint32_t kEarly = 28u;
inline constexpr uint32_t kWebSocketFrame = 29u;
inline constexpr uint32_t kTruncated = 30u;
inline constexpr uint32_t kCount = 31u;
}  // namespace upstream_error

namespace incident_kind {
inline constexpr uint32_t kDownstream = 1u;
inline constexpr uint32_t kUpstream = 2u;
inline constexpr uint32_t kFailure = 3u;
}  // namespace incident_kind

namespace incident_text {
inline constexpr uint32_t kListener = 0u;
inline constexpr uint32_t kCluster = 1u;
inline constexpr uint32_t kEndpoint = 2u;
inline constexpr uint32_t kMethod = 3u;
inline constexpr uint32_t kTarget = 4u;
inline constexpr uint32_t kCount = 5u;
}  // namespace incident_text

namespace log_target {
inline constexpr uint32_t kFile = 1u;
inline constexpr uint32_t kStdout = 2u;
inline constexpr uint32_t kStderr = 3u;
}  // namespace log_target

namespace log_flag {
inline constexpr uint32_t kJson = 1u;
inline constexpr uint32_t kSampled = 2u;
inline constexpr uint32_t kSampleFailed = 4u;
}  // namespace log_flag

namespace log_step_flag {
inline constexpr uint32_t kAlternative = 1u;
inline constexpr uint32_t kWhole = 2u;
inline constexpr uint32_t kUnderscores = 4u;
}  // namespace log_step_flag

namespace log_op {
inline constexpr uint32_t kLiteral = 0u;
inline constexpr uint32_t kTime = 1u;
inline constexpr uint32_t kTimeUtc = 2u;
inline constexpr uint32_t kTimeLocal = 3u;
inline constexpr uint32_t kId = 4u;
inline constexpr uint32_t kRequestId = 5u;
inline constexpr uint32_t kTraceId = 6u;
inline constexpr uint32_t kClient = 7u;
inline constexpr uint32_t kListener = 8u;
inline constexpr uint32_t kTls = 9u;
inline constexpr uint32_t kMethod = 10u;
inline constexpr uint32_t kHost = 11u;
inline constexpr uint32_t kTarget = 12u;
inline constexpr uint32_t kProtocol = 13u;
inline constexpr uint32_t kStatus = 14u;
inline constexpr uint32_t kStatusOrClosed = 15u;
inline constexpr uint32_t kFlag = 16u;
inline constexpr uint32_t kDetail = 17u;
inline constexpr uint32_t kBytesIn = 18u;
inline constexpr uint32_t kBytesOut = 19u;
inline constexpr uint32_t kSentBytes = 20u;
inline constexpr uint32_t kDurationMs = 21u;
inline constexpr uint32_t kQueueMs = 22u;
inline constexpr uint32_t kConnectMs = 23u;
inline constexpr uint32_t kFirstByteMs = 24u;
inline constexpr uint32_t kUpstreamMs = 25u;
inline constexpr uint32_t kResponseMs = 26u;
inline constexpr uint32_t kFaultDelayMs = 27u;
inline constexpr uint32_t kAttempts = 28u;
inline constexpr uint32_t kRetries = 29u;
inline constexpr uint32_t kRoute = 30u;
inline constexpr uint32_t kCluster = 31u;
inline constexpr uint32_t kEndpoint = 32u;
inline constexpr uint32_t kReused = 33u;
inline constexpr uint32_t kUserAgent = 34u;
inline constexpr uint32_t kReferer = 35u;
inline constexpr uint32_t kForwardedFor = 36u;
inline constexpr uint32_t kHeader = 37u;
inline constexpr uint32_t kRequestHeaders = 38u;
inline constexpr uint32_t kUpstreamTarget = 39u;
inline constexpr uint32_t kWebSocket = 40u;
inline constexpr uint32_t kFallback = 41u;
inline constexpr uint32_t kCount = 42u;
}  // namespace log_op

namespace log_stat {
inline constexpr uint32_t kLines = 0u;
inline constexpr uint32_t kBytes = 1u;
inline constexpr uint32_t kDropped = 2u;
inline constexpr uint32_t kErrors = 3u;
inline constexpr uint32_t kPendingBytes = 4u;
inline constexpr uint32_t kErrno = 5u;
inline constexpr uint32_t kCount = 6u;
}  // namespace log_stat

namespace log_notice {
inline constexpr uint32_t kFailed = 1u;
inline constexpr uint32_t kRecovered = 2u;
inline constexpr uint32_t kAbandoned = 3u;
}  // namespace log_notice

namespace record_text {
inline constexpr uint32_t kMethod = 0u;
inline constexpr uint32_t kAuthority = 1u;
inline constexpr uint32_t kTarget = 2u;
inline constexpr uint32_t kUserAgent = 3u;
inline constexpr uint32_t kReferer = 4u;
inline constexpr uint32_t kForwardedFor = 5u;
inline constexpr uint32_t kHeaders = 6u;
inline constexpr uint32_t kTraceState = 7u;
inline constexpr uint32_t kRequestId = 8u;
inline constexpr uint32_t kListener = 9u;
inline constexpr uint32_t kRoute = 10u;
inline constexpr uint32_t kCluster = 11u;
inline constexpr uint32_t kEndpoint = 12u;
inline constexpr uint32_t kUpstreamTarget = 13u;
inline constexpr uint32_t kDetail = 14u;
inline constexpr uint32_t kCount = 15u;
}  // namespace record_text

namespace record_bit {
inline constexpr uint32_t kTls = 1u;
inline constexpr uint32_t kCut = 2u;
inline constexpr uint32_t kSampled = 4u;
inline constexpr uint32_t kWebSocket = 8u;
inline constexpr uint32_t kAborted = 16u;
inline constexpr uint32_t kLocal = 32u;
inline constexpr uint32_t kFallback = 64u;
}  // namespace record_bit

namespace attempt_bit {
inline constexpr uint32_t kReused = 1u;
inline constexpr uint32_t kHedge = 2u;
inline constexpr uint32_t kAnswered = 4u;
inline constexpr uint32_t kCancelled = 8u;
inline constexpr uint32_t kStale = 16u;
}  // namespace attempt_bit

inline constexpr const char* kMethodNames[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH"};
inline constexpr const char* kResponseFlagNames[] = {"none", "NR", "NC", "UF", "UC", "UT", "SI", "UO", "UPE", "DPE", "DC", "DI", "BL", "UTLS", "OVL", "RL", "UH", "UQ", "CB", "UCT", "UTT", "UPT", "DRT", "UMSDR", "DLE", "FI"};
inline constexpr const char* kDownstreamErrorNames[] = {"none", "malformed", "method", "methodRefused", "target", "targetTooLong", "path", "missingHost", "host", "repeatedHost", "headerName", "underscore", "headerValue", "repeatedHeader", "tooManyHeaders", "headerTooLong", "headTooLarge", "contentLength", "transferEncoding", "unknownTransferCoding", "lengthAndTransferEncoding", "connectionOptions", "expectation", "maxForwards", "traceBody", "webSocketVersion", "webSocketKey", "webSocketBody"};

}  // namespace millrace::abi

#endif  // MILLRACE_ABI_H_
