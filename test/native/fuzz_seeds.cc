#include "fuzz_seeds.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace millrace::test {
namespace {

std::string readFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// The string of JSON that begins behind its opening quote; only code points below 256 occur.
std::string unescape(std::string_view json) {
  std::string out;
  for (std::size_t i = 0; i < json.size() && json[i] != '"'; ++i) {
    const auto byte = static_cast<unsigned char>(json[i]);
    if (byte >= 0xc2 && byte <= 0xc3 && i + 1 < json.size()) {  // U+0080 to U+00FF as UTF-8
      out += static_cast<char>((byte & 3) << 6 | (json[++i] & 0x3f));
      continue;
    }
    if (json[i] != '\\' || ++i == json.size()) {
      out += json[i];
      continue;
    }
    switch (json[i]) {
      case 'r':
        out += '\r';
        break;
      case 'n':
        out += '\n';
        break;
      case 't':
        out += '\t';
        break;
      case 'b':
        out += '\b';
        break;
      case 'f':
        out += '\f';
        break;
      case 'u':
        out += static_cast<char>(std::stoi(std::string(json.substr(i + 1, 4)), nullptr, 16));
        i += 4;
        break;
      default:
        out += json[i];
    }
  }
  return out;
}

}  // namespace

std::vector<std::string> hostileMessages(std::string_view side) {
  const std::string wanted = "\"side\": \"" + std::string(side) + "\"";
  std::vector<std::string> messages;
  for (const std::string& line : splitText(readFile("test/fixtures/hostile-cases.json"), "\n")) {
    static constexpr std::string_view kBytes = "\"bytes\": \"";
    const std::size_t at = line.find(kBytes);
    if (at == std::string::npos || line.find(wanted) == std::string::npos) continue;
    std::string bytes = unescape(std::string_view(line).substr(at + kBytes.size()));
    if (bytes.find("{{") == std::string::npos) messages.push_back(std::move(bytes));
  }
  return messages;
}

std::string toHex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[c & 15];
  }
  return out;
}

std::string fromHex(std::string_view digits) {
  std::string out;
  for (std::size_t i = 0; i + 2 <= digits.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  return out;
}

std::vector<std::string> readFiles(const std::string& directory) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error))
    if (entry.is_regular_file()) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> contents;
  for (const auto& path : paths) contents.push_back(readFile(path));
  return contents;
}

std::vector<std::string> splitText(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + separator.size());
  }
}

}  // namespace millrace::test
