#ifndef MILLRACE_ENGINE_BALANCER_PREQUAL_H_
#define MILLRACE_ENGINE_BALANCER_PREQUAL_H_

#include <array>
#include <cstdint>

#include "engine/balancer/draw.h"
#include "engine/balancer/latency.h"
#include "engine/balancer/picker.h"
#include "engine/balancer/report.h"

namespace millrace {

// Prequal (Wydrowski et al., "Load is not what you should balance", NSDI'24): hot-cold
// lexicographic choice among endpoints that said how busy they are. Hot = more requests in flight
// than 84 % of what was reported of late. Any cold one: the fastest of the cold; all hot: the least
// busy.
//
// Where this departs from the paper, and why:
// - The paper probes; here reports ride on the answers of ordinary requests, and an endpoint that
//   reports nothing is not asked. So there is no reuse budget and no removal: a report is good for
//   a second, which is the paper's age limit.
// - The paper's pool is a client's own sample of 16; here the newest report of every endpoint is
//   kept, for all workers, and a pick looks at up to 5 drawn by weight. Looking at all of them
//   would send every worker to the same best one.
// - An endpoint that gets no requests has no fresh report: one that was drawn, is silent and idle,
//   is tried in one pick out of 8, so that its report comes back. Not so when peakEwma has it worse
//   than the choice: an endpoint that fails at once is silent and idle all the time (trap 2 of
//   reference/proxies.md, 10.3), but it has the penalty.
// - With fewer than two reports among those drawn, peakEwma decides between the first two.
namespace prequal {

inline constexpr uint32_t kDraws = 5;
inline constexpr uint32_t kTriesPerPick = 8;
inline constexpr uint32_t kSilentTrial = 8;  // one pick out of so many

struct Candidates {
  std::array<uint32_t, kDraws> slots;
  uint32_t count = 0;

  bool has(uint32_t slot) const noexcept {
    for (uint32_t i = 0; i < count; ++i) {
      if (slots[i] == slot) return true;
    }
    return false;
  }
};

// Distinct open slots by weight; the first two are exact.
template <typename Open>
Candidates draw(Slots slots, Rng& rng, const Open& open) noexcept {
  Candidates drawn;
  const uint32_t first = drawSlot(slots, rng, open);
  if (first == abi::kNone) return drawn;
  drawn.slots[drawn.count++] = first;
  if (slots.size() == 1) return drawn;
  const uint32_t second = drawOtherSlot(slots, rng, open, first);
  if (second == abi::kNone) return drawn;
  drawn.slots[drawn.count++] = second;
  for (uint32_t tries = 0;
       tries < kTriesPerPick && drawn.count < kDraws && drawn.count < slots.size(); ++tries) {
    const uint32_t slot = aliasSlot(slots, rng.next());
    if (!drawn.has(slot) && open(slots[slot])) drawn.slots[drawn.count++] = slot;
  }
  return drawn;
}

// Counts the caller's request into the report of the one chosen: it is on its way before the
// endpoint can speak again. Race: a newer report may come between, it counts the request itself or
// soon will.
inline void countOwn(EndpointLoad& load, uint64_t report) noexcept {
  if (ReportWord::rif(report) == ReportWord::kMaxRif) return;
  load.report.compare_exchange_strong(report, report + ReportWord::kOneRif,
                                      std::memory_order_relaxed);
}

}  // namespace prequal

template <typename Open>
uint32_t pickPrequal(Slots slots, PickerState& state, const Open& open, uint64_t now_ms,
                     float decay_scale, uint32_t default_latency_us) noexcept {
  const prequal::Candidates drawn = prequal::draw(slots, state.rng, open);
  if (drawn.count < 2) return drawn.count == 0 ? abi::kNone : drawn.slots[0];

  std::array<uint64_t, prequal::kDraws> reports;
  uint32_t fresh = 0;
  bool has_silent = false;  // somebody drawn is silent
  for (uint32_t i = 0; i < drawn.count; ++i) {
    const EndpointLoad& load = *slots[drawn.slots[i]].load;
    reports[i] = load.report.load(std::memory_order_relaxed);
    if (ReportWord::fresh(reports[i], now_ms)) {
      ++fresh;
      state.rifs.add(ReportWord::rif(reports[i]));
    } else {
      reports[i] = 0;
      has_silent = true;
    }
  }
  const auto loadOf = [&](uint32_t i) {
    return latencyLoad(*slots[drawn.slots[i]].load, static_cast<uint32_t>(now_ms), decay_scale,
                       default_latency_us);
  };
  if (fresh < 2) return drawn.slots[loadOf(1) < loadOf(0) ? 1 : 0];

  // One number to compare by, lowest first: cold before hot, then latency and rif among the cold,
  // rif and latency among the hot.
  const uint32_t threshold = state.rifs.threshold();
  uint32_t best = 0;
  uint64_t best_key = ~uint64_t{0};
  for (uint32_t i = 0; i < drawn.count; ++i) {
    if (reports[i] == 0) continue;
    const uint64_t rif = ReportWord::rif(reports[i]);
    const uint64_t latency = ReportWord::latencyUs(reports[i]);
    const uint64_t key =
        rif > threshold ? uint64_t{1} << 63 | rif << 24 | latency : latency << 16 | rif;
    if (key < best_key) {
      best = i;
      best_key = key;
    }
  }
  if (has_silent && state.rng.below(prequal::kSilentTrial) == 0) {
    const double most = loadOf(best);
    for (uint32_t i = 0; i < drawn.count; ++i) {
      const bool idle = slots[drawn.slots[i]].load->active.load(std::memory_order_relaxed) == 0;
      if (reports[i] == 0 && idle && loadOf(i) <= most) return drawn.slots[i];
    }
  }
  const uint32_t slot = drawn.slots[best];
  prequal::countOwn(*slots[slot].load, reports[best]);
  return slot;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_PREQUAL_H_
