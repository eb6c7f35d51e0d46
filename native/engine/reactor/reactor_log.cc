// The access log, as a worker sees it: what it keeps of a request for the sinks, which of them take
// its record, and the ring to their writer.
#include <algorithm>
#include <array>
#include <bit>

#include "engine/log/log_headers.h"
#include "engine/reactor/reactor.h"
#include "engine/record/failed.h"

namespace millrace {
namespace {

// Any bits of `id` make all bits of the result: the finalizer of splitmix64.
uint32_t draw(uint64_t id) noexcept {
  id = (id ^ (id >> 30)) * 0xbf58476d1ce4e5b9u;
  id = (id ^ (id >> 27)) * 0x94d049bb133111ebu;
  return static_cast<uint32_t>((id ^ (id >> 31)) >> 32);
}

}  // namespace

void Reactor::bindLog(const InstalledImage& installed) {
  log_ = installed.log.get();
  if (log_ != nullptr && log_ring_ == nullptr) log_ring_ = &Engine::instance().logRing(worker_);
  // Release: records for an older plan were pushed before.
  if (log_ring_ != nullptr)
    log_ring_->generation.store(log_ == nullptr ? LogRing::kNoPlan : log_->generation,
                                std::memory_order_release);
}

// The texts that some sink wants, in the order of abi::record_text. Lines of one name become a
// list.
void Reactor::noteForLog(Exchange& exchange, const RequestHead& request) noexcept {
  namespace text = abi::record_text;
  RequestTrail& trail = exchange.trail;
  const std::span fields(request.fields.data(), request.field_count);
  const auto take = [&](uint32_t which, std::string_view name) {
    size_t room = RecordBuilder::kMaxTextBytes;
    const size_t begin = exchange.notes.size();
    for (const HeaderSlice& field : fields) {
      if (field.name != name) continue;
      if (room != RecordBuilder::kMaxTextBytes && room >= 2) {
        exchange.notes.append(", ");
        room -= 2;
      }
      const std::string_view kept = field.value.substr(0, room);
      exchange.notes.append(kept);
      room -= kept.size();
    }
    trail.lengths[which] = static_cast<uint16_t>(exchange.notes.size() - begin);
  };
  if (log_->wants_user_agent) take(text::kUserAgent, "user-agent");
  if (log_->wants_referer) take(text::kReferer, "referer");
  if (log_->wants_forwarded_for) take(text::kForwardedFor, "x-forwarded-for");
  if (log_->headers.empty()) return;
  const size_t begin = exchange.notes.size();
  for (const std::string& name : log_->headers) {
    size_t values = 0;
    bool present = false;
    for (const HeaderSlice& field : fields) {
      if (field.name != name) continue;
      values += field.value.size() + (present ? 2 : 0);
      present = true;
    }
    if (!present) continue;
    const size_t used = exchange.notes.size() - begin + kLogHeaderOverhead + name.size();
    if (used > RecordBuilder::kMaxTextBytes) break;
    const auto length =
        static_cast<uint16_t>(std::min(values, RecordBuilder::kMaxTextBytes - used));
    exchange.notes.append(std::string_view{std::array{static_cast<char>(name.size())}.data(), 1});
    exchange.notes.append(name);
    exchange.notes.append(&length, sizeof length);
    size_t room = length;
    bool first = true;
    for (const HeaderSlice& field : fields) {
      if (field.name != name) continue;
      const std::string_view comma = std::string_view(", ").substr(0, first ? 0 : room);
      exchange.notes.append(comma);
      const std::string_view kept = field.value.substr(0, room - comma.size());
      exchange.notes.append(kept);
      room -= comma.size() + kept.size();
      first = false;
    }
  }
  trail.lengths[text::kHeaders] = static_cast<uint16_t>(exchange.notes.size() - begin);
}

// RequestRecord::sinks. The sinks are those of the present configuration, also for a request that
// began on an older one.
uint32_t Reactor::sinksOf(const Exchange& exchange, const RequestRecord& record) noexcept {
  uint32_t wanted = log_->unrouted;
  if (exchange.image != nullptr && exchange.route != abi::kNone) {
    const abi::RouteRecord& route = exchange.image->image->routes()[exchange.route];
    wanted = exchange.image->installed->log.get() == log_
                 ? route.sinks
                 : log_->sinksOf(exchange.image->image->str(route.name_offset, route.name_length));
  }
  uint32_t sinks = 0;
  for (uint32_t left = wanted; left != 0; left &= left - 1) {
    const uint32_t bit = left & (~left + 1);
    const LogSink& sink = log_->sinks[static_cast<size_t>(std::countr_zero(left))];
    if (!sink.any_status && !sink.statuses[record.status]) continue;
    if (record.duration_us < sink.min_duration_us) continue;
    if (sink.sampled && (sink.sample_failed || !isFailure(record.status, record.flag)) &&
        draw(record.id ^ log_salt_) >= sink.sample_share)
      continue;
    sinks |= bit;
  }
  return sinks == 0 ? 0 : log_->generation << LogPlan::kSinkBits | sinks;
}

void Reactor::log(const RequestRecord& record) noexcept {
  if (!log_ring_->records.push(record)) [[unlikely]] {
    process_.counters.add(abi::process_stat::kRecordsDropped, 1);
    return;
  }
  Engine::instance().accessLog().pushed(*log_ring_);
}

}  // namespace millrace
