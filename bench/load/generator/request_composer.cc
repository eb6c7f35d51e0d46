#include "generator/request_composer.h"

#include <charconv>

namespace millrace::load {

RequestComposer::RequestComposer(const Options& options, const std::string& text)
    : options_(options) {
  constexpr std::string_view kNames[] = {"{key}", "{target}", "{fields}"};
  constexpr Place kPlaces[] = {Place::kKey, Place::kTarget, Place::kFields};
  std::string literal;
  for (size_t at = 0; at < text.size();) {
    size_t found = 3;
    for (size_t i = 0; i < 3; ++i)
      if (text.compare(at, kNames[i].size(), kNames[i]) == 0) found = i;
    if (found == 3) {
      literal += text[at++];
      continue;
    }
    parts_.push_back({Place::kText, literal});
    parts_.push_back({kPlaces[found], {}});
    literal.clear();
    at += kNames[found].size();
  }
  parts_.push_back({Place::kText, literal});
}

std::string_view RequestComposer::next(Rng& rng) noexcept {
  if (parts_.size() == 1) return parts_.front().text;
  char key[16];
  const auto end = std::to_chars(key, key + sizeof key, rng.below(options_.keys)).ptr;
  scratch_.clear();
  for (const Part& part : parts_) {
    switch (part.place) {
      case Place::kText:
        scratch_ += part.text;
        break;
      case Place::kKey:
        scratch_.append(key, end);
        break;
      case Place::kTarget:
        scratch_ += options_.list_targets[turn_];
        break;
      case Place::kFields:
        scratch_ += options_.list_fields[turn_];
        break;
    }
  }
  if (++turn_ >= options_.list_targets.size()) turn_ = 0;
  return scratch_;
}

}  // namespace millrace::load
