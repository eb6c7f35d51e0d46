#include "engine/simulate/servers.h"

#include <algorithm>
#include <cmath>

namespace millrace::simulate {

Servers::Servers(const Scenario& scenario)
    : scenario_(scenario), sizes_(scenario.seed, 1), luck_(scenario.seed, 2) {
  for (const EndpointGroup& group : scenario.groups) draws_.emplace_back(group.service);
  for (const uint32_t g : layOut(scenario)) {
    Server& server = servers_.emplace_back();
    server.group = g;
    server.concurrency = scenario.groups[g].concurrency;
    server.queue_limit = scenario.groups[g].queue;
  }
  for (uint32_t i = 0; i < scenario.changes.size(); ++i) {
    Affair& affair = affairs_.emplace_back();
    affair.change = scenario.changes[i];
    // Any of the group, but the same ones for every policy.
    std::vector<uint32_t> members;
    for (uint32_t e = 0; e < servers_.size(); ++e) {
      if (servers_[e].group == affair.change.group) members.push_back(e);
    }
    const auto count = static_cast<uint32_t>(members.size());
    const auto concerned = static_cast<uint32_t>(
        std::clamp(std::round(affair.change.share * count), 1.0, static_cast<double>(count)));
    const Stream stream(scenario.seed, 100 + i);
    for (uint32_t k = 0; k < concerned && concerned < count; ++k)
      std::swap(members[k], members[k + below(stream.at(k), count - k)]);
    members.resize(concerned);
    std::sort(members.begin(), members.end());
    affair.endpoints = std::move(members);
    if (affair.change.service) {
      affair.draw = static_cast<uint32_t>(draws_.size());
      draws_.emplace_back(*affair.change.service);
    }
    const uint64_t at_ns = kStartNs + nsOf(affair.change.at);
    changes_.push(at_ns, i * 2);
    if (affair.change.lasts > 0) changes_.push(at_ns + nsOf(affair.change.lasts), i * 2 + 1);
  }
  for (uint32_t e = 0; e < servers_.size(); ++e) settle(e);
}

// What the endpoint is like under the changes that are on; a later one in the list has the last
// word, and factors multiply.
void Servers::settle(uint32_t endpoint) {
  Server& server = servers_[endpoint];
  const EndpointGroup& group = scenario_.groups[server.group];
  server.draw = server.group;
  server.factor = 1;
  server.fails = group.fails;
  server.down = false;
  for (const Affair& affair : affairs_) {
    if (!affair.on ||
        !std::binary_search(affair.endpoints.begin(), affair.endpoints.end(), endpoint))
      continue;
    server.factor *= affair.change.factor;
    if (!(affair.change.fails < 0)) server.fails = affair.change.fails;
    if (affair.change.service) server.draw = affair.draw;
    server.down = server.down || affair.change.down;
  }
}

bool Servers::take(uint32_t number, Moment now) {
  Job& job = jobs_[number];
  Server& server = servers_[job.endpoint];
  ++server.came;
  job.arrived_ns = now.ns;
  if (server.down) {
    job.answer = Answer::kRefused;
    ++server.failed;
    return true;
  }
  if (server.busy < server.concurrency) {
    begin(server, number, now, false);
  } else if (server.queued < server.queue_limit) {
    (server.queue_head == abi::kNone ? server.queue_head : jobs_[server.queue_tail].next) = number;
    server.queue_tail = number;
    job.next = abi::kNone;
    ++server.queued;
  } else {
    job.answer = Answer::kQueueFull;
    ++server.failed;
    return true;
  }
  server.most = std::max(server.most, server.busy + server.queued);
  return false;
}

void Servers::begin(Server& server, uint32_t number, Moment now, bool in_place_of_next) {
  Job& job = jobs_[number];
  // The draw belongs to the attempt: whoever gets it, it is the same request.
  const uint64_t place = uint64_t{job.number} * 16 + job.attempt;
  const uint64_t work_ns = nsOf(draws_[server.draw](sizes_.at(place)) * server.factor);
  job.answer =
      server.fails > 0 && unit(luck_.at(place)) < server.fails ? Answer::kError : Answer::kGood;
  server.waited_ns += now.ns - job.arrived_ns;
  server.busy_ns += work_ns;
  const double work_us = static_cast<double>(work_ns) / 1000;
  server.recent_work_us += (work_us - server.recent_work_us) / 32;
  if (in_place_of_next) {
    done_.replace(now.ns + work_ns, number);
  } else {
    ++server.busy;
    done_.push(now.ns + work_ns, number);
  }
}

uint32_t Servers::finish(Moment now) {
  const uint32_t number = done_.next();
  Job& job = jobs_[number];
  Server& server = servers_[job.endpoint];
  const uint64_t inside_ns = now.ns - job.arrived_ns;
  server.inside_ns += inside_ns;
  if (job.answer != Answer::kGood) ++server.failed;
  if (server.queued != 0) {
    const uint32_t next = server.queue_head;
    server.queue_head = jobs_[next].next;
    --server.queued;
    begin(server, next, now, true);
  } else {
    --server.busy;
    done_.pop();
  }
  return number;
}

// Of its latency it says what a request that came now would take (the paper on prequal: the latency
// at the present number of requests; one of the past, when there were fewer, would draw everybody).
Report Servers::report(uint32_t endpoint) const noexcept {
  const Server& server = servers_[endpoint];
  const uint32_t in_flight = server.busy + server.queued;
  const double crowd = std::max(1.0, (in_flight + 1.0) / server.concurrency);
  return {scenario_.groups[server.group].reports, in_flight,
          static_cast<uint64_t>(server.recent_work_us * crowd)};
}

void Servers::change(Moment now, std::vector<uint32_t>* lost) {
  const uint32_t item = changes_.next();
  changes_.pop();
  Affair& affair = affairs_[item / 2];
  affair.on = item % 2 == 0;
  bool fell = false;
  for (const uint32_t endpoint : affair.endpoints) {
    const bool was_down = servers_[endpoint].down;
    settle(endpoint);
    fell = fell || (servers_[endpoint].down && !was_down);
  }
  if (fell) shutDown(lost, now);
}

// What is at an endpoint that has gone down is lost.
void Servers::shutDown(std::vector<uint32_t>* lost, Moment now) {
  const auto lose = [&](uint32_t number) {
    Job& job = jobs_[number];
    Server& server = servers_[job.endpoint];
    job.answer = Answer::kReset;
    server.inside_ns += now.ns - job.arrived_ns;
    ++server.failed;
    lost->push_back(number);
  };
  done_.removeIf([&](const Due& due) {
    Server& server = servers_[jobs_[due.item].endpoint];
    if (!server.down) return false;
    server.busy_ns -= due.at_ns - now.ns;
    lose(due.item);
    return true;
  });
  for (Server& server : servers_) {
    if (!server.down) continue;
    for (uint32_t number = server.queue_head, left = server.queued; left != 0; --left) {
      const uint32_t next = jobs_[number].next;
      lose(number);
      number = next;
    }
    server.queue_head = server.queue_tail = abi::kNone;
    server.queued = server.busy = 0;
  }
}

// What is still there is counted as far as it has got.
void Servers::stop(Moment now) noexcept {
  done_.forEach([&](const Due& due) {
    const Job& job = jobs_[due.item];
    Server& server = servers_[job.endpoint];
    server.inside_ns += now.ns - job.arrived_ns;
    server.busy_ns -= due.at_ns - now.ns;
  });
  for (Server& server : servers_) {
    for (uint32_t number = server.queue_head, left = server.queued; left != 0; --left) {
      server.inside_ns += now.ns - jobs_[number].arrived_ns;
      number = jobs_[number].next;
    }
  }
}

}  // namespace millrace::simulate
