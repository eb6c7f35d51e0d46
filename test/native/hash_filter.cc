// Reads "<seed> <hex>" lines and prints the hash of each: for the comparison with the TypeScript
// one.
#include <cstdint>
#include <iostream>
#include <string>

#include "base/hash.h"

int main() {
  uint32_t seed;
  std::string hex;
  while (std::cin >> seed >> hex) {
    std::string text;
    // The leading "x" lets an empty text be a word too.
    for (std::size_t i = 1; i + 1 < hex.size(); i += 2) {
      text += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
    std::cout << millrace::murmur3(text, seed) << "\n";
  }
}
