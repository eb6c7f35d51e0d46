#include "engine/image/image_check.h"

#include "engine/image/text_rules.h"

namespace millrace {

template <typename Record>
bool ImageCheck::each(uint32_t section, std::span<const Record> rows,
                      bool (ImageCheck::*check)(const Record&)) noexcept {
  section_ = section;
  for (row_ = 0; row_ < rows.size(); ++row_) {
    if (!(this->*check)(rows[row_])) return false;
  }
  return true;
}

bool ImageCheck::run() noexcept {
  namespace s = abi::section;
  // Rows that stand alone come first: later checks read through them.
  return each(s::kDfa, image_.dfas(), &ImageCheck::dfa) &&
         each(s::kPredicate, image_.predicates(), &ImageCheck::predicate) &&
         each(s::kEdit, image_.edits(), &ImageCheck::edit) &&
         each(s::kWeight, image_.weights(), &ImageCheck::weight) &&
         each(s::kRedirect, image_.redirects(), &ImageCheck::redirect) &&
         each(s::kRespond, image_.responds(), &ImageCheck::respond) &&
         each(s::kHashSource, image_.hashSources(), &ImageCheck::hashSource) &&
         each(s::kBalancer, image_.balancers(), &ImageCheck::balancer) &&
         each(s::kSubset, image_.subsets(), &ImageCheck::subset) &&
         each(s::kRateKey, image_.rateKeys(), &ImageCheck::rateKey) &&
         each(s::kRateLimit, image_.rateLimits(), &ImageCheck::rateLimit) &&
         each(s::kRetry, image_.retries(), &ImageCheck::retry) &&
         each(s::kHedge, image_.hedges(), &ImageCheck::hedge) &&
         each(s::kOutlier, image_.outliers(), &ImageCheck::outlier) &&
         each(s::kBreaker, image_.breakers(), &ImageCheck::breaker) &&
         each(s::kFault, image_.faults(), &ImageCheck::fault) &&
         each(s::kTracing, image_.tracings(), &ImageCheck::tracing) &&
         each(s::kLogStep, image_.logSteps(), &ImageCheck::logStep) &&
         each(s::kLog, image_.logs(), &ImageCheck::log) &&
         each(s::kRoute, image_.routes(), &ImageCheck::route) &&
         each(s::kVhost, image_.vhosts(), &ImageCheck::vhost) &&
         each(s::kRouteTable, image_.routeTables(), &ImageCheck::routeTable) &&
         each(s::kTls, image_.tls(), &ImageCheck::tls) &&
         each(s::kEndpoint, image_.endpoints(), &ImageCheck::endpoint) &&
         each(s::kCluster, image_.clusters(), &ImageCheck::cluster) &&
         each(s::kCidr, image_.cidrs(), &ImageCheck::cidr) &&
         each(s::kListener, image_.listeners(), &ImageCheck::listener);
}

bool ImageCheck::isRewrite(uint32_t kind, uint32_t offset, uint32_t length) const noexcept {
  if (kind == abi::rewrite::kNone) return isOptionalText(offset, length);
  if (kind != abi::rewrite::kPrefix && kind != abi::rewrite::kPath) return false;
  if (!isText(offset, length)) return false;
  const std::string_view path = image_.str(offset, length);
  return path.starts_with('/') && text::isTargetText(path);
}

}  // namespace millrace
