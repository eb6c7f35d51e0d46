#ifndef MILLRACE_ENGINE_BALANCER_DECAY_H_
#define MILLRACE_ENGINE_BALANCER_DECAY_H_

#include <array>
#include <cmath>
#include <cstdint>

namespace millrace {

// exp(-x) by a table of 512 steps of 1/32 and a straight line between two of them: 2 KiB, no call.
// The line lies above the curve by at most (1/32)^2 / 8 = 1.2e-4 of the value; from x = 16 on,
// where exp(-x) < 1.2e-7, it is 0. Every step is a float operation, so that another implementation
// can give the same bits (no fused multiply-add: see -ffp-contract in binding.gyp).
class DecayTable {
 public:
  static constexpr uint32_t kSteps = 512;
  static constexpr float kStepsPerUnit = 32;

  DecayTable() noexcept {
    for (uint32_t i = 0; i <= kSteps; ++i) {
      values_[i] = static_cast<float>(std::exp(-static_cast<double>(i) / kStepsPerUnit));
    }
  }

  // exp(-steps / kStepsPerUnit) for steps >= 0.
  float operator()(float steps) const noexcept {
    if (!(steps < kSteps)) return 0;
    const auto i = static_cast<uint32_t>(steps);
    const float rest = steps - static_cast<float>(i);
    return values_[i] + (values_[i + 1] - values_[i]) * rest;
  }

 private:
  std::array<float, kSteps + 1> values_;
};

// Built while the addon loads, read only from then on.
inline const DecayTable kDecayTable;

// Steps of the table per millisecond, for a time constant in ms (0 counts as 1).
inline float decayScale(uint32_t decay_ms) noexcept {
  return DecayTable::kStepsPerUnit / static_cast<float>(decay_ms == 0 ? 1 : decay_ms);
}

// Milliseconds from `stamp` to `now`, both cut to 32 bits. The clocks of two workers differ a
// little, so up to a minute into the future counts as now; 49 days are as good as for ever.
inline uint32_t elapsedMs(uint32_t stamp, uint32_t now) noexcept {
  const uint32_t elapsed = now - stamp;
  return elapsed > 0xffffffffu - 60000u ? 0 : elapsed;
}

// Share that is left of an observation made at `stamp`.
inline float decayed(uint32_t stamp, uint32_t now, float scale) noexcept {
  return kDecayTable(static_cast<float>(elapsedMs(stamp, now)) * scale);
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_DECAY_H_
