// An attempt, from the choice of an endpoint to its answer, and whether another one follows (as
// reactor_retry.cc has it, for requests that may be repeated).
#include <algorithm>

#include "engine/failover/backoff.h"
#include "engine/simulate/simulation.h"

namespace millrace::simulate {
namespace {

// abi::retry_on that an answer meets.
uint32_t conditionsOf(Answer answer) noexcept {
  namespace on = abi::retry_on;
  switch (answer) {
    case Answer::kError:
      return on::k5xx;
    case Answer::kQueueFull:
      return on::k5xx | on::kGatewayError;
    case Answer::kRefused:
      return on::kConnectFailure;
    case Answer::kReset:
      return on::kReset;
    case Answer::kTimeout:
      return on::kTimeout;
    default:
      return 0;
  }
}

}  // namespace

void Simulation::attempt(uint32_t slot, Moment now) {
  Request& request = requests_[slot];
  Proxy& proxy = *proxies_[request.proxy];
  Choice choice;
  choice.has_hash = hashes_;
  choice.hash = request.hash;
  if (request.tried_count != 0) choice.tried = {tried_[slot].data(), request.tried_count};
  proxy.choose(&choice, now);
  if (choice.endpoint == abi::kNone && request.tried_count != 0) {
    // All have been tried: after a wait, any of them again, but rather not the last one.
    if (!std::exchange(request.backed_off, true)) {
      const uint64_t until_ns =
          now.ns + uint64_t{1'000'000} * backoffMs(scenario_.retry.backoff_base_ms,
                                                   scenario_.retry.backoff_max_ms, request.retries,
                                                   proxy.rng());
      if (until_ns != now.ns) {
        if (timeout_ns_ != 0 && until_ns >= request.arrived_ns + timeout_ns_)
          return giveUp(slot, request.last, now);
        return backOff(slot, until_ns);
      }
    }
    Tried& tried = tried_[slot];
    tried[0] = tried[request.tried_count - 1];
    request.tried_count = 1;
    choice.tried = {tried.data(), 1};
    proxy.choose(&choice, now);
    if (choice.endpoint == abi::kNone) {
      request.tried_count = 0;
      choice.tried = {};
      proxy.choose(&choice, now);
    }
  }
  if (choice.endpoint == kFull || choice.endpoint == abi::kNone) {
    if (choice.endpoint == abi::kNone && request.last != Answer::kGood)
      return giveUp(slot, request.last, now);
    proxy.giveBack(request.cluster_ticket);
    return finish(slot, choice.endpoint == kFull ? Outcome::kRefusedQueue : Outcome::kRefusedNobody,
                  now);
  }
  request.endpoint = choice.endpoint;
  request.endpoint_ticket = choice.ticket;
  send(slot, now);
}

void Simulation::send(uint32_t slot, Moment now) {
  const uint32_t number = servers_.jobs().take();
  Request& request = requests_[slot];
  request.attempt_ns = now.ns;
  request.asking = true;
  attempts_.add(requests_, slot);
  noteAttempts();
  Job& job = servers_.jobs()[number];
  job.request = slot;
  job.serial = request.serial;
  job.number = request.number;
  job.endpoint = request.endpoint;
  job.attempt = request.retries;
  if (network_ns_ == 0)
    deliver(number, now);
  else
    outward_.push(now.ns + network_ns_, number);
}

void Simulation::deliver(uint32_t job, Moment now) {
  if (servers_.take(job, now)) reply(job, now);
}

void Simulation::reply(uint32_t job, Moment now) {
  if (network_ns_ == 0)
    receive(job, now);
  else
    homeward_.push(now.ns + network_ns_, job);
}

void Simulation::receive(uint32_t number, Moment now) {
  const Job job = servers_.jobs()[number];
  servers_.jobs().give(number);
  if (requests_[job.request].serial != job.serial) return;  // nobody waits for it any more
  endAttempt(job.request, job.answer, servers_.report(job.endpoint), now);
  if (job.answer == Answer::kGood) {
    Request& request = requests_[job.request];
    proxies_[request.proxy]->tell(request.cluster_ticket, true, now);
    finish(job.request, Outcome::kAnswered, now);
  } else if (!retry(job.request, job.answer, now)) {
    giveUp(job.request, job.answer, now);
  }
}

// The request holds nothing of the endpoint any more.
void Simulation::endAttempt(uint32_t slot, Answer answer, const Report& report, Moment now) {
  Request& request = requests_[slot];
  Proxy& proxy = *proxies_[request.proxy];
  proxy.observe(request.endpoint, request.endpoint_ticket, answer, now.ns - request.attempt_ns,
                report, now);
  proxy.leave(request.endpoint);
  control_due_ns_ = std::min(control_due_ns_, proxy.controlDue());
  attempts_.remove(requests_, slot);
  request.asking = false;
  ++request.serial;
  noteAttempts();
}

// True when the request goes on.
bool Simulation::retry(uint32_t slot, Answer answer, Moment now) {
  Request& request = requests_[slot];
  const RetryRules& rules = scenario_.retry;
  if (request.retries == rules.attempts || (rules.on & conditionsOf(answer)) == 0) return false;
  Proxy& proxy = *proxies_[request.proxy];
  // What has reached nobody costs nobody anything.
  const bool reached = answer != Answer::kRefused;
  const uint64_t until_ns =
      now.ns + (reached
                    ? uint64_t{1'000'000} * backoffMs(rules.backoff_base_ms, rules.backoff_max_ms,
                                                      request.retries + 1u, proxy.rng())
                    : 0);
  if (!proxy.permits(request.cluster_ticket)) return false;
  if (timeout_ns_ != 0 && until_ns >= request.arrived_ns + timeout_ns_) return false;
  if (reached && !proxy.takeRetry(now)) return false;
  tried_[slot][request.tried_count++] = request.endpoint;
  ++request.retries;
  ++retries_;
  request.backed_off = reached;
  request.last = answer;
  if (until_ns == now.ns)
    attempt(slot, now);
  else
    backOff(slot, until_ns);
  return true;
}

void Simulation::backOff(uint32_t slot, uint64_t until_ns) {
  Request& request = requests_[slot];
  request.backing_off = true;
  request.attempt_ns = until_ns;
  backoffs_.push(until_ns, slot);
}

void Simulation::wakeUp(uint32_t slot, Moment now) {
  Request& request = requests_[slot];
  // It may have run out of time meanwhile, and its slot may be another's.
  if (!request.backing_off || request.attempt_ns != now.ns) return;
  request.backing_off = false;
  if (proxies_[request.proxy]->permits(request.cluster_ticket)) return attempt(slot, now);
  giveUp(slot, request.last, now);  // it has opened meanwhile
}

// The last word.
void Simulation::giveUp(uint32_t slot, Answer answer, Moment now) {
  const Request& request = requests_[slot];
  proxies_[request.proxy]->tell(request.cluster_ticket, false, now);
  const Outcome outcome = answer == Answer::kTimeout     ? Outcome::kTimedOut
                          : answer == Answer::kQueueFull ? Outcome::kRefusedQueue
                                                         : Outcome::kFailed;
  finish(slot, outcome, now);
}

// Its timeout.
void Simulation::expire(uint32_t slot, Moment now) {
  if (requests_[slot].asking) endAttempt(slot, Answer::kTimeout, {}, now);
  requests_[slot].backing_off = false;
  giveUp(slot, Answer::kTimeout, now);
}

// Its perTryTimeout.
void Simulation::expireAttempt(uint32_t slot, Moment now) {
  endAttempt(slot, Answer::kTimeout, {}, now);
  if (!retry(slot, Answer::kTimeout, now)) giveUp(slot, Answer::kTimeout, now);
}

}  // namespace millrace::simulate
