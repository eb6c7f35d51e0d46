// The loop: what comes next, and requests from their arrival to their end. simulation_attempt.cc
// has what happens to an attempt.
#include "engine/simulate/simulation.h"

#include <algorithm>
#include <utility>

#include "engine/balancer/key_hash.h"

namespace millrace::simulate {
namespace {

// Whoever is not done by then never will be.
constexpr uint64_t kEndNs = kStartNs + 2 * static_cast<uint64_t>(bounds::kMaxSeconds * 1e9);

}  // namespace

Simulation::Simulation(Scenario scenario)
    : scenario_(std::move(scenario)),
      list_(scenario_),
      network_ns_(nsOf(scenario_.network)),
      timeout_ns_(nsOf(scenario_.timeout)),
      per_try_ns_(nsOf(scenario_.per_try_timeout)),
      hashes_(scenario_.keys != 0 && millrace::hashes(scenario_.balancer.policy)),
      stream_(scenario_),
      key_draws_(scenario_.seed, 5),
      client_draws_(scenario_.seed, 6),
      keys_(scenario_.keys, scenario_.key_zipf),
      clients_(scenario_.rate_limit.keys, scenario_.rate_limit.zipf),
      servers_(scenario_),
      audit_(scenario_),
      tally_(scenario_) {
  for (uint32_t p = 0; p < scenario_.proxies; ++p) {
    proxies_.push_back(std::make_unique<Proxy>(scenario_, list_, p));
    if (!proxies_.back()->ready()) error_ = "no memory for the rate limits of so many clients";
    control_due_ns_ = std::min(control_due_ns_, proxies_.back()->controlDue());
  }
}

bool Simulation::step(uint64_t events) {
  enum Source { kChange, kDone, kOut, kHome, kOldest, kAttempt, kBackoff, kControl, kArrival };
  while (events-- > 0 && !over_ && error_.empty()) {
    // Of what is due at one moment, changes come first, answers before the time limits that they
    // just meet, and arrivals last.
    uint64_t at = servers_.nextChange();
    Source source = kChange;
    const auto consider = [&](uint64_t due, Source from) {
      if (due < at) {
        at = due;
        source = from;
      }
    };
    consider(servers_.nextDone(), kDone);
    consider(outward_.nextAt(), kOut);
    consider(homeward_.nextAt(), kHome);
    consider(oldest_due_ns_, kOldest);
    consider(attempt_due_ns_, kAttempt);
    consider(backoffs_.nextAt(), kBackoff);
    consider(control_due_ns_, kControl);
    consider(stream_.nextAt(), kArrival);
    if (at > kEndNs) {
      stop({std::max(now_ns_, kStartNs)});
      break;
    }
    now_ns_ = at;
    const Moment now{at};
    switch (source) {
      case kChange:
        change(now);
        break;
      case kDone:
        reply(servers_.finish(now), now);
        break;
      case kOut:
        deliver(outward_.pop(), now);
        break;
      case kHome:
        receive(homeward_.pop(), now);
        break;
      case kOldest:
        expire(ages_.first(), now);
        break;
      case kAttempt:
        expireAttempt(attempts_.first(), now);
        break;
      case kBackoff: {
        const uint32_t slot = backoffs_.next();
        backoffs_.pop();
        wakeUp(slot, now);
        break;
      }
      case kControl:
        events -= std::min<uint64_t>(events, list_.endpoints.size() / 16);
        control(now);
        break;
      case kArrival:
        arrive(now);
        break;
    }
    if (in_flight_ == 0 && stream_.over()) stop(now);
  }
  return over_ || !error_.empty();
}

// Nobody is left, or the longest time is over.
void Simulation::stop(Moment now) {
  while (ages_.first() != abi::kNone) finish(ages_.first(), Outcome::kUnfinished, now);
  for (; !stream_.over(); stream_.take()) refuse(Outcome::kUnfinished, now);
  servers_.stop(now);
  over_ = true;
}

void Simulation::arrive(Moment now) {
  const uint32_t number = stream_.take();
  const uint32_t p = stream_.proxyOf(number);
  Proxy& proxy = *proxies_[p];
  if (scenario_.rate_limit.limit != 0) {
    const uint32_t client = clients_(client_draws_.at(number));
    const bool allowed = proxy.allows(client, now);
    audit_.note(p, client, allowed, now);
    if (!allowed) return refuse(Outcome::kRefusedRate, now);
  }
  BreakerTicket ticket = 0;
  if (!proxy.admits(&ticket, now)) return refuse(Outcome::kRefusedBreaker, now);
  if (in_flight_ == bounds::kMaxInFlight) {
    error_ = "more than " + std::to_string(bounds::kMaxInFlight) +
             " requests are on their way at once: set a timeout, shorter queues or less load";
    return;
  }
  const uint32_t slot = requests_.take();
  if (scenario_.retry.attempts != 0 && tried_.size() < requests_.size())
    tried_.resize(requests_.size());
  Request& request = requests_[slot];
  request.arrived_ns = now.ns;
  request.number = number;
  request.proxy = static_cast<uint16_t>(p);
  request.cluster_ticket = ticket;
  request.retries = request.tried_count = 0;
  request.asking = request.backing_off = request.backed_off = false;
  request.last = Answer::kGood;
  if (hashes_) request.hash = mix64(keys_(key_draws_.at(number)) + uint64_t{1});
  ages_.add(requests_, slot);
  ++in_flight_;
  noteOldest();
  proxy.countRequest(now);
  attempt(slot, now);
}

void Simulation::finish(uint32_t slot, Outcome outcome, Moment now) {
  Request& request = requests_[slot];
  tally_.record(outcome, request.arrived_ns, now.ns);
  ++request.serial;
  ages_.remove(requests_, slot);
  if (request.asking) attempts_.remove(requests_, slot);
  requests_.give(slot);
  --in_flight_;
  noteOldest();
  noteAttempts();
}

void Simulation::noteOldest() noexcept {
  if (timeout_ns_ == 0) return;
  const uint32_t first = ages_.first();
  oldest_due_ns_ = first == abi::kNone ? kNever : requests_[first].arrived_ns + timeout_ns_;
}

void Simulation::noteAttempts() noexcept {
  if (per_try_ns_ == 0) return;
  const uint32_t first = attempts_.first();
  attempt_due_ns_ = first == abi::kNone ? kNever : requests_[first].attempt_ns + per_try_ns_;
}

void Simulation::change(Moment now) {
  lost_.clear();
  servers_.change(now, &lost_);
  for (const uint32_t job : lost_) reply(job, now);
}

void Simulation::control(Moment now) {
  control_due_ns_ = kNever;
  for (const auto& proxy : proxies_) {
    if (proxy->controlDue() <= now.ns) proxy->control(now);
    control_due_ns_ = std::min(control_due_ns_, proxy->controlDue());
  }
}

Result Simulation::result() {
  Result result = tally_.result(scenario_, servers_.all(), {now_ns_});
  result.retries = retries_;
  result.limit = {audit_.clients(), audit_.most(), audit_.mostTogether(), audit_.refusedBelow()};
  for (const auto& proxy : proxies_) {
    result.breakers_opened += proxy->opened();
    result.ejections += proxy->ejected();
    result.panic_picks += proxy->panics();
  }
  return result;
}

}  // namespace millrace::simulate
