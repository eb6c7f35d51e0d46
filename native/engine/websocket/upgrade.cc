#include "engine/websocket/upgrade.h"

#include "engine/websocket/handshake.h"

namespace millrace {
namespace {

bool listHas(std::string_view list, std::string_view token) noexcept {
  bool found = false;
  chars::forEachListItem(list, [&](std::string_view item) {
    if (chars::equalsIgnoreCase(item, token)) found = true;
  });
  return found;
}

// Calls `each` with the value of every line of a head of our own making ("name: value\r\n", names
// in lower case) that has this name.
template <typename Each>
void forEachSentValue(std::string_view head, std::string_view name, Each&& each) noexcept {
  size_t at = head.find("\r\n");
  while (at != std::string_view::npos && at + 2 < head.size()) {
    at += 2;
    const size_t end = head.find("\r\n", at);
    const std::string_view line = head.substr(at, end - at);
    if (line.size() > name.size() + 1 && line[name.size()] == ':' &&
        chars::equalsIgnoreCase(line.substr(0, name.size()), name)) {
      each(chars::trim(line.substr(name.size() + 1)));
    }
    at = end;
  }
}

}  // namespace

UpgradeRequest readUpgradeRequest(const RequestHead& request) noexcept {
  bool wanted = false;
  bool connection = false;
  uint32_t keys = 0;
  uint32_t versions = 0;
  bool key_good = false;
  bool version_good = false;
  for (uint32_t i = 0; i < request.field_count; ++i) {
    const std::string_view value = request.fields[i].value;
    switch (request.ids[i]) {
      case HeaderId::kUpgrade:
        wanted |= listHas(value, "websocket");
        break;
      case HeaderId::kConnection:
        connection |= listHas(value, "upgrade");
        break;
      case HeaderId::kSecWebSocketKey:
        ++keys;
        key_good = isKey(value);
        break;
      case HeaderId::kSecWebSocketVersion:
        ++versions;
        version_good = value == "13";
        break;
      default:
        break;
    }
  }
  if (!wanted || !connection || request.method != "GET") return UpgradeRequest::kNone;
  if (request.hasBody()) return UpgradeRequest::kHasBody;
  if (versions != 1 || !version_good) return UpgradeRequest::kBadVersion;
  if (keys != 1 || !key_good) return UpgradeRequest::kBadKey;
  return UpgradeRequest::kWebSocket;
}

ResponseError checkUpgradeAnswer(std::string_view sent_head, const ResponseHead& answer,
                                 std::string_view* protocol) noexcept {
  *protocol = {};
  char accept[28] = {};
  forEachSentValue(sent_head, "sec-websocket-key", [&](std::string_view key) {
    if (key.size() == 24) acceptOf(key, accept);
  });
  bool upgrade = false;
  bool connection = false;
  bool extension = false;
  uint32_t accepts = 0;
  uint32_t protocols = 0;
  bool accepted = false;
  for (uint32_t i = 0; i < answer.field_count; ++i) {
    const ResponseField& field = answer.fields[i];
    switch (field.id) {
      case HeaderId::kUpgrade:
        upgrade = chars::equalsIgnoreCase(field.value, "websocket");
        break;
      case HeaderId::kConnection:
        connection |= listHas(field.value, "upgrade");
        break;
      case HeaderId::kSecWebSocketAccept:
        ++accepts;
        accepted = field.value == std::string_view(accept, sizeof accept);
        break;
      case HeaderId::kSecWebSocketExtensions:
        extension |= !field.value.empty();
        break;
      case HeaderId::kSecWebSocketProtocol:
        ++protocols;
        *protocol = field.value;
        break;
      default:
        break;
    }
  }
  if (!upgrade || !connection || accepts != 1 || !accepted) return ResponseError::kUpgradeMismatch;
  if (extension) return ResponseError::kUpgradeExtension;
  if (protocols != 0) {
    bool offered = false;
    forEachSentValue(sent_head, "sec-websocket-protocol", [&](std::string_view list) {
      chars::forEachListItem(list, [&](std::string_view item) { offered |= item == *protocol; });
    });
    if (protocols != 1 || protocol->empty() || !offered) return ResponseError::kUpgradeProtocol;
  }
  return ResponseError::kNone;
}

}  // namespace millrace
